"""What a line of the table says."""

from dataclasses import dataclass, field
from typing import Literal

# What becomes of the connection: it serves another request, the server closes it, or it waits for the rest of a request
# and ends without an answer when the client ends its side.
End = Literal["kept", "closed", "waits"]

HOST = ("host", "t")

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Saw:
    """An answer of the app: what it saw. `None` stands for what does not matter here."""

    path: str = "/"
    method: str = "GET"
    body: str = ""
    query: str = ""
    version: str = "1.1"
    raw_path: str | None = None
    headers: Pairs | None = field(default=None)


# What came for an answer of ours that the app has nothing to do with: its status.
Answer = Saw | int


@dataclass(frozen=True)
class Case:
    """A request, or several on one connection.

    Attributes:
        name: what is special about it.
        data: the bytes that the client sends.
        answers: what comes back, in order.
        end: see End.
        splits: it is sent again, split at every byte.
    """

    name: str
    data: bytes
    answers: tuple[Answer, ...]
    end: End = "kept"
    splits: bool = True


def request(start: str, *lines: str, body: str = "", host: bool = True) -> bytes:
    """The bytes of a request: its first line, a Host unless told otherwise, other header lines, a body."""
    given = (*(["Host: t"] if host else []), *lines)
    return ("\r\n".join((start, *given)) + "\r\n\r\n" + body).encode("latin-1")


def refused(name: str, data: bytes, status: int = 400, splits: bool = True) -> Case:
    """A request that gets one refusal, whereupon the connection closes."""
    return Case(name, data, (status,), "closed", splits)
