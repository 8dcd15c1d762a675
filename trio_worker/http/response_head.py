"""The head of an HTTP/1.1 response as bytes (RFC 9112 sections 4 and 5).

What repeats is prepared: status lines once, the `date` line once a second. What the app gives is checked once for the
whole head: no name or value can smuggle in a line of its own.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from trio_worker.memory import Memory

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

# RFC 9110 section 5.6.2: what a method and a header's name may consist of.
TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

# The fields that say something of a connection (RFC 9113 section 8.2.2).
_OF_CONNECTIONS = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}

SERVER_LINE = b"server: trio-worker\r\n"


class ResponseError(Exception):
    """The app sent something that is no valid response; the message says what."""


def _status_line(status: int) -> bytes:
    """The first line. Raises ResponseError for what is no final status."""
    line = _STATUS_LINES.get(status)
    if line is None or status < 200:
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ResponseError(f"{status!r} is no status of a response, which is a number from 200 to 999")
        line = b"HTTP/1.1 %d \r\n" % status
    return line


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The header lines as the app gave them.

    Raises:
        ResponseError: a name is no token, a value has a line break or NUL in it, or something is not bytes.
    """
    names: list[bytes] = []
    parts: list[bytes] = []
    try:
        for name, value in headers:
            names.append(name)
            parts += (name, b": ", value, b"\r\n")
        lines = b"".join(parts)
        odd = b"".join(names).translate(None, TOKEN)
    except (TypeError, ValueError) as error:
        raise ResponseError(f"headers are pairs of bytes, not {headers!r}") from error
    count = len(names)
    if odd or b"" in names or lines.count(b"\n") != count or lines.count(b"\r") != count or b"\0" in lines:
        raise ResponseError(f"a header's name or value is not valid in {headers!r}")
    return lines


@dataclass(slots=True, eq=False)
class Prepared:
    """The part of a head that depends on the app alone.

    Attributes:
        lines: status line and headers, without those that are the server's to say.
        length: the Content-Length, -1 where there is none.
        close: whether the app asks for the end of the connection.
        has_date, has_server: whether the app has set these itself.
        headers: as the app gave them.
        written: the whole head as a HeadWriter has written it last, behind its mark of the second in which it did.
        fields: the same for HTTP/2.
    """

    lines: bytes
    length: int
    close: bool
    has_date: bool
    has_server: bool
    headers: tuple[tuple[bytes, bytes], ...] = ()
    written: tuple[object, bytes] = (None, b"")
    fields: tuple[object, tuple[tuple[bytes, bytes], ...]] = (None, ())


# Heads that have been prepared before: many answers differ only in their bodies.
_prepared: Memory[Any, Prepared] = Memory(count=512, size=2048)
_remembered = _prepared.get


def prepare(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Prepared:
    """Check and serialise what the app gave for a head.

    Raises:
        ResponseError: something in it is not valid.
    """
    key: tuple[Any, ...] = ()
    try:
        key = (status, *headers)
        known = _remembered(key)
    except TypeError:
        # Lists cannot be looked up. What is not even iterable is refused like what has no pairs in it.
        return _prepare(status, key[1:] or headers)
    if known is None:
        known = _prepare(status, key[1:])  # The key's, because an iterator gives its headers only once.
        _prepared.keep(key, known, len(known.lines))
    return known


def _prepare(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Prepared:
    lines = _status_line(status) + header_lines(headers)
    given = {name.lower(): value for name, value in headers}
    length = _length(headers) if b"content-length" in given else -1
    if status == 204:
        length = -1
    if b"connection" in given or b"transfer-encoding" in given or (status == 204 and b"content-length" in given):
        lines = _status_line(status) + header_lines(_without_framing(headers, status))
    close = b"close" in given.get(b"connection", b"").lower()
    return Prepared(lines, length, close, b"date" in given, b"server" in given, tuple(headers))


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise ResponseError(f"content-length is one number of bytes, not {b', '.join(lengths)!r}")
    return int(lengths[0])


def count_body(remaining: int, size: int, more: bool) -> int:
    """Return the bytes of a body that are to come behind a piece of it, by its Content-Length (RFC 9110 section 8.6).

    Args:
        remaining: bytes that were to come before the piece.
        size: of the piece, in bytes.
        more: whether the app has more pieces.

    Raises:
        ResponseError: the body is longer or shorter than announced.
    """
    remaining -= size
    if remaining < 0:
        raise ResponseError(f"the body is {-remaining} bytes longer than its Content-Length")
    if remaining and not more:
        raise ResponseError(f"the body is {remaining} bytes shorter than its Content-Length")
    return remaining


def _without_framing(headers: Iterable[tuple[bytes, bytes]], status: int) -> list[tuple[bytes, bytes]]:
    """Without what is the server's to say: how the connection goes on (RFC 9110 section 7.6.1), how the body is framed.

    A 204 says nothing of a length (RFC 9110 section 8.6).
    """
    own = {b"connection", b"transfer-encoding"} | ({b"content-length"} if status == 204 else set())
    return [(name, value) for name, value in headers if name.lower() not in own]


class HeadWriter:
    """Writes heads: what the app gave, a word on the connection, and the lines that the server adds.

    Args:
        date: whether there is a `date`, where the app has set none.
        server: whether there is a `server`, where the app has set none.
    """

    def __init__(self, date: bool, server: bool) -> None:
        self._dates = date
        self._server = SERVER_LINE if server else b""
        self._second = 0
        # Stands for this second in the heads that were written in it.
        self._mark = object()
        self._date = b""

    def write(self, head: Prepared, connection: bytes = b"") -> bytes:
        """A head as it leaves now, with the empty line at its end; `connection` is header lines of the protocol."""
        if int(time.time()) != self._second:
            self._tick()
        if connection:
            return b"%b%b%b\r\n" % (head.lines, connection, self._own_lines(head))
        # Most heads are the same as another one of this second, and share what was prepared.
        mark, written = head.written
        if mark is not self._mark:
            written = b"%b%b\r\n" % (head.lines, self._own_lines(head))
            head.written = self._mark, written
        return written

    def fields(self, head: Prepared, status: int) -> tuple[tuple[bytes, bytes], ...]:
        """Return a head as it leaves now, as the fields of HTTP/2, which has no place for those of connections."""
        if int(time.time()) != self._second:
            self._tick()
        mark, fields = head.fields
        if mark is not self._mark:
            without = _OF_CONNECTIONS | ({b"content-length"} if status == 204 else set())
            given = [(name.lower(), value) for name, value in head.headers]
            own = [line.partition(b": ") for line in self._own_lines(head).split(b"\r\n")[:-1]]
            kept = [field for field in given if field[0] not in without]
            fields = ((b":status", b"%d" % status), *kept, *[(name, value) for name, _, value in own])
            head.fields = self._mark, fields
        return fields

    def _own_lines(self, head: Prepared) -> bytes:
        return (b"" if head.has_date else self._date) + (b"" if head.has_server else self._server)

    def _tick(self) -> None:
        self._mark = object()
        self._second = second = int(time.time())
        # RFC 9110 section 6.6.1.
        self._date = b"date: %s\r\n" % formatdate(second, usegmt=True).encode() if self._dates else b""
