"""An attack: what each of its connections sends, and what becomes of it.

What a connection sends is an iterator: bytes go out as they are, a number is a pause of so many seconds or ANSWERED,
and at its end the connection is closed, as `last` says. A connection that has ended is replaced by a new one.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from support.tls13 import Tls13

Script = Iterator[bytes | float]

# For ever, in the seconds of a script; and until something has been read.
SILENCE, ANSWERED = 3600.0, -1.0

KIBI = 1024


@dataclass(frozen=True)
class Attack:
    """A kind of hostile client.

    Attributes:
        name: of it, with the protocol in front.
        script: makes what one connection sends.
        connections: at a time.
        memory: KiB that the worker may need for each of them.
        said: what the worker has to say to at least one of them, where it has to: a status, the code of a close or of
            a GOAWAY.
        reads: bytes that a connection reads at a time; 0 for one that never reads.
        rest: seconds between two reads.
        last: how a connection ends with its script: "close", "half" for the writing side alone, or "reset".
        again: whether connections that have ended are replaced.
        secure: whether it goes to the socket that speaks TLS.
        inside: whether what it sends is encrypted, behind a handshake; each piece is at least one record.
        records: makes what it sends behind a handshake, records that no library would write; in the place of `script`.
        quick: whether it is one of the few in the default suite.
    """

    name: str
    script: Callable[[], Script]
    connections: int = 10
    memory: int = 512
    said: str = ""
    reads: int = 65536
    rest: float = 0.0
    last: str = "close"
    again: bool = True
    quick: bool = False
    secure: bool = False
    inside: bool = False
    records: Callable[[Tls13], Script] | None = None

    def __str__(self) -> str:
        return self.name


def repeated(first: bytes, again: bytes, pause: float = 0.0, size: int = 65536) -> Callable[[], Script]:
    """A script that sends one thing first, and another one again and again, in pieces of about `size` bytes."""
    piece = again if pause else again * max(1, size // len(again))

    def script() -> Script:
        if first:
            yield first
        while True:
            yield piece
            if pause:
                yield pause

    return script


def once(data: bytes, pause: float = SILENCE) -> Callable[[], Script]:
    """A script that sends this, and then nothing."""

    def script() -> Script:
        yield data
        yield pause

    return script


def dripping(first: bytes, data: bytes, pause: float) -> Callable[[], Script]:
    """A script that sends a byte, waits, and sends the next."""

    def script() -> Script:
        yield first
        for byte in data:
            yield bytes([byte])
            yield pause

    return script


# A request as a browser sends it.
ORDINARY = b"GET / HTTP/1.1\r\nHost: t\r\nCookie: " + b"c" * 460 + b"\r\n\r\n"


def honest_load(rate: float, connections: int, secure: bool) -> Attack:
    """No attack: as many bytes a second in ordinary requests, each behind the answer to the one before it."""
    interval = connections * len(ORDINARY) / max(rate, 1.0)

    def script() -> Script:
        due = time.monotonic() + interval
        while True:
            yield max(0.0, due - time.monotonic())
            yield ORDINARY
            yield ANSWERED
            due += interval

    return Attack("honest load", script, connections, secure=secure, inside=secure)
