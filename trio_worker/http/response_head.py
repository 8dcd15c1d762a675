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

from trio_worker.http.app_rules import (
    BODILESS,
    OF_CONNECTIONS,
    all_bytes,
    asks_for_close,
    header_lines,
    in_http2,
    length_of,
    number_of,
)
from trio_worker.memory import Memory

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

# An answer may say what the client could upgrade to (RFC 9110 section 15.5.22), in HTTP/1.1 alone.
_NOT_THE_APPS = OF_CONNECTIONS - {b"upgrade"}

_NO_LENGTH = {204, 205}

SERVER_LINE = b"server: trio-worker\r\n"


@dataclass(slots=True, eq=False)
class Prepared:
    """The part of a head that depends on the app alone.

    Attributes:
        status: the number.
        lines: status line and headers, without those that are the server's to say.
        length: the Content-Length, -1 where there is none.
        close: whether the app asks for the end of the connection.
        has_date, has_server: whether the app has set these itself.
        headers: as the app gave them.
        written: the whole head as a HeadWriter has written it last, behind its mark of the second in which it did.
        fields: the same for HTTP/2.
    """

    status: int
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


def prepare(status: Any, headers: Iterable[tuple[bytes, bytes]]) -> Prepared:
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


def _prepare(status: Any, given: Iterable[tuple[bytes, bytes]]) -> Prepared:
    status = number_of(status)
    lines = header_lines(given)
    try:
        headers, names = given, {name.lower() for name, _ in given}
    except (TypeError, AttributeError):  # A bytearray has no hash, a memoryview no letters.
        headers = all_bytes(given)
        names = {name.lower() for name, _ in headers}
    length = length_of(headers) if b"content-length" in names else -1
    if not names.isdisjoint(_NOT_THE_APPS) or (status in _NO_LENGTH and b"content-length" in names):
        lines = header_lines(_without_framing(headers, status))
    if status in BODILESS:
        length = -1
        lines += b"content-length: 0\r\n" if status == 205 else b""
    first = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    close = b"connection" in names and asks_for_close(headers)
    return Prepared(status, first + lines, length, close, b"date" in names, b"server" in names, tuple(headers))


def _without_framing(headers: Iterable[tuple[bytes, bytes]], status: int) -> list[tuple[bytes, bytes]]:
    """Without what is the server's to say: how the connection goes on (RFC 9110 section 7.6.1), how the body is framed.

    A 204 says nothing of a length (RFC 9110 section 8.6), a 205 that it is 0 (section 15.3.6).
    """
    own = _NOT_THE_APPS | ({b"content-length"} if status in _NO_LENGTH else set())
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

    def fields(self, head: Prepared) -> tuple[tuple[bytes, bytes], ...]:
        """Return a head as it leaves now, as the fields of HTTP/2, which has no place for those of connections."""
        if int(time.time()) != self._second:
            self._tick()
        mark, fields = head.fields
        if mark is not self._mark:
            own = [line.partition(b": ") for line in self._own_lines(head).split(b"\r\n")[:-1]]
            skipped = b"content-length" if head.status in _NO_LENGTH else None
            kept = [field for field in in_http2(head.headers) if field[0] != skipped]
            fields = ((b":status", b"%d" % head.status), *kept, *[(name, value) for name, _, value in own])
            head.fields = self._mark, fields
        return fields

    def _own_lines(self, head: Prepared) -> bytes:
        return (b"" if head.has_date else self._date) + (b"" if head.has_server else self._server)

    def _tick(self) -> None:
        self._mark = object()
        self._second = second = int(time.time())
        # RFC 9110 section 6.6.1.
        self._date = b"date: %s\r\n" % formatdate(second, usegmt=True).encode() if self._dates else b""
