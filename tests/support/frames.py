"""An HTTP/2 client that sends frames as they are, right or wrong, and reads what comes back (RFC 9113 section 4)."""

import socket
import struct
from dataclasses import dataclass, field
from typing import Self

from hpack import Decoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 0x10

# Flags; ACK has the bit of END_STREAM.
ACK = END_STREAM = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20

Fields = tuple[tuple[str, str], ...]

GET: Fields = ((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test"))
POST: Fields = ((":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "test"))


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    """Return a frame; its length is that of the payload unless told otherwise."""
    size = len(payload) if length is None else length
    return struct.pack("!I", size)[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def block(*fields: tuple[str, str]) -> bytes:
    """Return a field block of literals that no table keeps (RFC 7541 section 6.2.2)."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def _string(text: str) -> bytes:
    data = text.encode("latin-1")
    if len(data) < 127:
        return bytes((len(data),)) + data
    left, size = len(data) - 127, b"\x7f"
    while left > 127:
        size, left = size + bytes((left & 127 | 128,)), left >> 7
    return size + bytes((left,)) + data


def headers(stream: int = 1, fields: Fields = GET, flags: int = END_HEADERS | END_STREAM) -> bytes:
    """Return the HEADERS of a request."""
    return frame(HEADERS, flags, stream, block(*fields))


def settings(*values: tuple[int, int]) -> bytes:
    """Return SETTINGS."""
    return frame(SETTINGS, payload=b"".join(struct.pack("!HI", *each) for each in values))


def window(size: int, stream: int = 0) -> bytes:
    """Return WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack("!I", size))


def reset(stream: int = 1, code: int = 8) -> bytes:
    """Return RST_STREAM, by default with CANCEL."""
    return frame(RST_STREAM, stream=stream, payload=struct.pack("!I", code))


@dataclass(frozen=True)
class Came:
    """A frame that has come; HEADERS with their fields, in their first line of which is the status."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    fields: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return int(struct.unpack("!I", self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8])[0])

    @property
    def status(self) -> int:
        """The status of a response."""
        return int(self.fields[b":status"])


class Frames:
    """One connection.

    Attributes:
        came: all frames that have come.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._file = sock.makefile("rb")
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self.came: list[Came] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(b"".join(frames))

    def begin(self, *values: tuple[int, int]) -> Self:
        """Send preface and SETTINGS, and read the server's."""
        self.send(PREFACE, settings(*values))
        self.wait(SETTINGS, flags=0)
        self.send(frame(SETTINGS, ACK))
        self.wait(SETTINGS, flags=ACK)
        return self

    def read(self) -> Came | None:
        """Read a frame, HEADERS with those that continue them; None at the end of the connection."""
        read = self._read_frame()
        if read is None:
            return None
        kind, flags, stream, payload = read
        while kind == HEADERS and not flags & END_HEADERS and (more := self._read_frame()) is not None:
            flags, payload = flags | more[1], payload + more[3]
        fields = dict(self._decoder.decode(payload, raw=True)) if kind == HEADERS else {}
        came = Came(kind, flags, stream, payload, fields)
        self.came.append(came)
        return came

    def _read_frame(self) -> tuple[int, int, int, bytes] | None:
        head = self._read(9)
        if len(head) < 9:
            return None
        return *struct.unpack("!BBI", head[3:]), self._read(int.from_bytes(head[:3], "big"))

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size) or b""
        except ConnectionError:
            return b""

    def wait(self, kind: int, stream: int = 0, flags: int | None = None) -> Came:
        """Return the next frame of a kind on a stream, 0 for the connection.

        Raises:
            ConnectionError: the connection ended instead.
        """
        while (came := self.read()) is not None:
            if (came.kind, came.stream) == (kind, stream) and flags in (None, came.flags):
                return came
        raise ConnectionResetError(f"the connection ended after {self.came}")

    def rest(self) -> list[Came]:
        """Read to the end of the connection, and return all frames that have come."""
        while self.read() is not None:
            pass
        return self.came

    def body(self, stream: int) -> bytes:
        """Return what has come of the body of a response."""
        return b"".join(each.payload for each in self.came if (each.kind, each.stream) == (DATA, stream))
