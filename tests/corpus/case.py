"""What a line of the table says."""

from dataclasses import dataclass, field
from typing import Literal

# What becomes of the connection: it serves another request, the server closes it, or it waits for the rest of a request
# and ends without an answer when the client ends its side.
End = Literal["kept", "closed", "waits"]

HOST = ("host", "t")

SPLIT = ("express", "hypercorn")

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
class Differs:
    """What Hypercorn's engine makes of it, and the reason why that is right as well or cannot be otherwise."""

    reason: str
    answers: tuple[Answer, ...]
    end: End = "closed"


@dataclass(frozen=True)
class Case:
    """A request, or several on one connection.

    Attributes:
        name: what is special about it.
        data: the bytes that the client sends.
        answers: what comes back, in order.
        end: see End.
        hypercorn: where Hypercorn's engine differs.
        splits: the engines that it is sent to again, split at every byte.
    """

    name: str
    data: bytes
    answers: tuple[Answer, ...]
    end: End = "kept"
    hypercorn: Differs | None = None
    splits: tuple[str, ...] = SPLIT

    def expected(self, engine: str) -> tuple[tuple[Answer, ...], End]:
        """What this engine is to do."""
        if engine == "hypercorn" and self.hypercorn is not None:
            return self.hypercorn.answers, self.hypercorn.end
        return self.answers, self.end


def request(start: str, *lines: str, body: str = "", host: bool = True) -> bytes:
    """The bytes of a request: its first line, a Host unless told otherwise, other header lines, a body."""
    given = (*(["Host: t"] if host else []), *lines)
    return ("\r\n".join((start, *given)) + "\r\n\r\n" + body).encode("latin-1")


def refused(name: str, data: bytes, status: int = 400, hypercorn: Differs | None = None, splits: bool = True) -> Case:
    """A request that gets one refusal, whereupon the connection closes."""
    return Case(name, data, (status,), "closed", hypercorn, SPLIT if splits else ())
