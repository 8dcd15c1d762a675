"""Honest clients, some of which keep their connections while one opens ever new ones, and how long they wait."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

Address = tuple[str, int]

REQUEST = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
ANSWER = b"\r\n\r\nhello"

# How many keep their connection, and the seconds between an answer and the next request of each.
KEPT, PAUSE = 3, 0.006

# Seconds that one waits for an answer.
PATIENCE = 10.0


@dataclass
class Waits:
    """How long honest clients waited.

    Attributes:
        seconds: of each answer.
        failures: of requests without one.
        machine: seconds of each answer of a process that does nothing else, asked meanwhile.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    machine: list[float] = field(default_factory=list)

    def at(self, part: float) -> float:
        """The seconds within which this part of the answers came."""
        return _at(self.seconds, part)

    def noise(self, part: float) -> float:
        """The seconds within which this part of the answers came that no worker had a hand in."""
        return _at(self.machine, part)


def _at(seconds: list[float], part: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else PATIENCE


def _ask(sock: socket.socket) -> None:
    sock.sendall(REQUEST)
    answer = b""
    while not answer.endswith(ANSWER):
        data = sock.recv(4096)
        if not data:
            raise ConnectionResetError(f"closed after {answer!r}")
        answer += data


def _keep_asking(address: Address, until: float, waits: Waits, keep: bool) -> None:
    client: socket.socket | None = None
    while time.monotonic() < until:
        began = time.perf_counter()
        try:
            client = client or socket.create_connection(address, PATIENCE)
            _ask(client)
            waits.seconds.append(time.perf_counter() - began)
        except OSError as error:
            waits.failures.append(repr(error))
            waits.seconds.append(PATIENCE)
            keep = False
        if client is not None and not keep:
            client.close()
            client = None
        time.sleep(PAUSE)
    with contextlib.suppress(AttributeError):
        client.close()  # type: ignore[union-attr]


def ask_for(address: Address, seconds: float, echo: Address) -> Waits:
    """Ask for so long, beside a client of the echo, and return how long the answers took."""
    waits, machine, until = Waits(), Waits(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_keep_asking, args=(address, until, waits, number < KEPT)) for number in range(KEPT + 1)
    ]
    threads.append(threading.Thread(target=_keep_asking, args=(echo, until, machine, True)))
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    waits.machine = machine.seconds
    return waits
