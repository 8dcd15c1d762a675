"""The head of an HTTP/1.1 response as bytes (RFC 9112 sections 4 and 5).

What repeats is prepared: status lines once, the `date` line once a second. What the app gives is checked once for the
whole head: no name or value can smuggle in a line of its own.
"""

import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

# RFC 9110 section 5.6.2: what a header's name may consist of.
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

SERVER_LINE = b"server: trio-worker\r\n"


class ResponseError(Exception):
    """The app sent something that is no valid response; the message says what."""


def status_line(status: int) -> bytes:
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
        odd = b"".join(names).translate(None, _TOKEN)
    except (TypeError, ValueError) as error:
        raise ResponseError(f"headers are pairs of bytes, not {headers!r}") from error
    count = len(names)
    if odd or b"" in names or lines.count(b"\n") != count or lines.count(b"\r") != count or b"\0" in lines:
        raise ResponseError(f"a header's name or value is not valid in {headers!r}")
    return lines


class _Date:
    """The `date` line of the current second."""

    second = 0
    line = b""


def date_line() -> bytes:
    """The `date` header of now (RFC 9110 section 6.6.1)."""
    second = int(time.time())
    if second != _Date.second:
        _Date.second, _Date.line = second, b"date: %s\r\n" % formatdate(second, usegmt=True).encode()
    return _Date.line
