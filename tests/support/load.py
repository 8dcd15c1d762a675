"""Clients that keep their connections and count: what was answered, what was not, what the server must say of it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from support.http1 import Http1, Target


@dataclass(frozen=True)
class Ask:
    """A request and the body that answers it; None where that does not matter."""

    path: str
    body: bytes = b""
    expected: bytes | None = None
    status: int = 200


@dataclass
class Tally:
    """What the clients saw. A failure is a request without its answer, or with another one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    connections: int = 0
    failures: list[str] = field(default_factory=list)


def work(target: Target, asks: Iterator[Ask], tally: Tally) -> None:
    """Send the requests one after the other; a new connection where the server has said that it closes the old one."""
    client: Http1 | None = None
    for ask in asks:
        try:
            if client is None:
                client = Http1(target)
                with tally.lock:
                    tally.connections += 1
            answer = client.post(ask.path, ask.body) if ask.body else client.get(ask.path)
        except (OSError, ValueError) as error:
            tally.failures.append(f"{ask.path}: {error!r}")
            client = None
            continue
        if answer.status != ask.status or (ask.expected is not None and answer.body != ask.expected):
            tally.failures.append(f"{ask.path}: {answer.status}, {len(answer.body)} bytes")
        with tally.lock:
            tally.requests += 1
            tally.statuses[answer.status] += 1
            tally.bytes_in += len(ask.body)
            tally.bytes_out += len(answer.body)
        if answer.headers.get("connection", "").lower() == "close":
            client.close()
            client = None
    if client is not None:
        client.close()


def run(workers: list[Callable[[], None]]) -> None:
    """Run each in a thread of its own, to the end of all."""
    threads = [threading.Thread(target=each) for each in workers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


@contextmanager
def hammer(target: Target, asks: list[Ask], clients: int) -> Iterator[Tally]:
    """Keep so many clients busy with these requests for the length of a with block."""
    tally, enough = Tally(), threading.Event()

    def endless(offset: int) -> Iterator[Ask]:
        for ask in cycle(asks[offset:] + asks[:offset]):
            if enough.is_set():
                return
            yield ask

    started = [
        threading.Thread(target=work, args=(target, endless(number % len(asks)), tally)) for number in range(clients)
    ]
    for each in started:
        each.start()
    try:
        yield tally
    finally:
        enough.set()
        for each in started:
            each.join()
