"""One client: it asks, waits a moment and asks again, and enters what became of each request."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from h2.exceptions import ProtocolError
from support.certificates import Authority
from websockets.exceptions import WebSocketException

from chaos.ledger import Entry, Ledger, Outcome

# Seconds that a client waits for its answer: longer than any fault lasts.
TIMEOUT = 40.0

# Seconds between two requests of a client.
PAUSE = (0.02, 0.2)

ERRORS = (OSError, ValueError, EOFError, AssertionError, ProtocolError, WebSocketException)


@dataclass(frozen=True)
class Places:
    """Where the instance listens."""

    address: tuple[str, int]
    unix_path: Path
    tls_address: tuple[str, int]
    authority: Authority


class Client:
    """What every client does, whatever it speaks.

    Args:
        name: in the ledger.
        seed: of what it asks.
        ledger: where it enters each request.
        places: where it connects to.
        over: set when it is to end.
    """

    def __init__(self, name: str, seed: int, ledger: Ledger, places: Places, over: threading.Event) -> None:
        self.name = name
        self.random = random.Random(f"{seed}/{name}")
        self.ledger = ledger
        self.places = places
        self.over = over
        self.pid: int | None = None

    def run(self) -> None:
        """Ask until it is over."""
        while not self.over.is_set():
            self.ask()
            self.over.wait(self.random.uniform(*PAUSE))
        self.hang_up()

    def ask(self) -> None:
        """Send one request, or some at a time, and enter what becomes of them."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Close the connection, if there is one."""

    def choose(self) -> tuple[str, bytes]:
        """Return a kind of request with what follows its id in the path, and a body."""
        kind = self.random.choices(["hello", "slow", "stream", "upload"], [6, 1, 1, 2])[0]
        seconds = f"/{self.random.uniform(0.1, 1.0):.2f}" if kind in ("slow", "stream") else ""
        return kind + seconds, bytes(self.random.randrange(1, 200_000)) if kind == "upload" else b""

    def open(self, kind: str) -> Entry:
        """Enter a request that is about to leave."""
        return self.ledger.send(self.name, kind.partition("/")[0], self.pid)

    @contextmanager
    def failing(self, entry: Entry) -> Iterator[None]:
        """Enter what goes wrong, and begin with a new connection after it."""
        try:
            yield
        except ERRORS as error:
            self.ledger.close(entry, Outcome.FAILED, repr(error)[:200])
            with suppress(*ERRORS):
                self.hang_up()

    def check(self, entry: Entry, status: int, body: bytes, size: int = 0) -> None:
        """Enter an answer; it must be this request's own, and whole."""
        if status != 200:
            raise ValueError(f"status {status}: {body[:80]!r}")
        number, pid, *rest = body.split(b"\0")[0].split()
        if number.decode() != entry.number or (size and rest != [str(size).encode()]):
            raise ValueError(f"the answer to something else: {body[:80]!r}")
        if entry.kind == "stream" and body.count(0) != 10_000:
            raise ValueError(f"{body.count(0)} bytes of a stream")
        self.pid = int(pid)
        self.ledger.close(entry, Outcome.ANSWERED)


def path_of(entry: Entry, kind: str) -> str:
    """Return the path of a request: its id stands behind the kind."""
    name, _, rest = kind.partition("/")
    return f"/{name}/{entry.number}/{rest}".removesuffix("/")
