"""A line of the table, and what may come of it."""

from dataclasses import dataclass

from support.frames import Fields

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(6, 12)


@dataclass(frozen=True)
class Fatal:
    """A connection error: GOAWAY with one of these codes, then the end (RFC 9113 section 5.4.1)."""

    codes: tuple[int, ...]


@dataclass(frozen=True)
class Refused:
    """A stream error: RST_STREAM with one of these codes, or a 400; the connection goes on (section 5.4.2).

    A server may answer a malformed request before it resets the stream (section 8.1.1).
    """

    codes: tuple[int, ...]
    stream: int = 1
    or_fatal: bool = False


@dataclass(frozen=True)
class Answered:
    """An answer with this status; the connection goes on."""

    status: int
    stream: int = 1
    body: bytes | None = None


@dataclass(frozen=True)
class Ignored:
    """Nothing comes of it, and the connection goes on."""


Outcome = Fatal | Refused | Answered | Ignored


@dataclass(frozen=True)
class Case:
    """Frames of a client and their outcome.

    Attributes:
        section: of RFC 9113, unless it names another one.
        name: what is special about it.
        data: the frames, behind preface and SETTINGS.
        outcome: what has to come of it.
        values: of the client's SETTINGS.
    """

    section: str
    name: str
    data: bytes
    outcome: Outcome
    values: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        return f"{self.section}, {self.name}"


def fatal(section: str, name: str, data: bytes, *codes: int) -> Case:
    return Case(section, name, data, Fatal(codes))


def refused(section: str, name: str, data: bytes, *codes: int) -> Case:
    return Case(section, name, data, Refused(codes or (PROTOCOL_ERROR,)))


def answered(section: str, name: str, data: bytes, status: int = 200, body: bytes | None = None) -> Case:
    return Case(section, name, data, Answered(status, body=body))


def ignored(section: str, name: str, data: bytes) -> Case:
    return Case(section, name, data, Ignored())


def without(fields: Fields, *names: str) -> Fields:
    return tuple(each for each in fields if each[0] not in names)
