"""What HTTP/1.1 asks of a request's head beyond its grammar, as rules with their sections; llhttp has checked the
grammar.

A rule gives a Refusal: a status and a sentence that says what is wrong and what is allowed. The connection ends after
it.
"""

import re
from typing import NamedTuple

import httptools

from trio_worker.exchange import Headers

# The defaults of our limits, in bytes; a larger `buffer-size` in the ini raises both.
HEAD_LIMIT = 32768
TARGET_LIMIT = 8192

# RFC 3986 section 3.2: a host and a port, IPv6 addresses in brackets. Empty where the target has no authority.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Za-z:.]+\])(?::\d*)?", re.ASCII)

_UPGRADES = (b"websocket", b"h2c")


class Refusal(NamedTuple):
    """An answer that no app gives."""

    status: int
    reason: str


class Head(NamedTuple):
    """The head of a request as the parser has read it."""

    method: str
    target: bytes
    version: str
    headers: Headers


def check(head: Head, names: list[bytes], limit_post: int) -> Refusal | None:
    """The first rule that this head breaks.

    Args:
        head: of the request.
        names: of its headers, in order.
        limit_post: uWSGI's `limit-post`, the most bytes that a body may announce; 0 for no limit.
    """
    if head.version not in ("1.1", "1.0"):
        return Refusal(505, f"HTTP/{head.version} is not spoken here, but HTTP/1.0, HTTP/1.1 and HTTP/2")
    if head.method == "CONNECT":
        return Refusal(501, "CONNECT is for proxies (RFC 9110 section 9.3.6)")
    return (
        _check_target(head)
        or _check_host(head, names.count(b"host"))
        or (_check_coding(head) if b"transfer-encoding" in names else None)
        or (_check_length(head, limit_post) if limit_post and b"content-length" in names else None)
    )


def _check_target(head: Head) -> Refusal | None:
    """RFC 9112 section 3.2: a path, an absolute URI, or `*` with OPTIONS."""
    target = head.target
    if target.startswith(b"/") or (target == b"*" and head.method == "OPTIONS"):
        return None
    if target.lower().startswith((b"http://", b"https://")):
        return None
    return Refusal(400, "the request target is no path, no http URI and no * (RFC 9112 section 3.2)")


def _check_host(head: Head, count: int) -> Refusal | None:
    """RFC 9112 section 3.2: exactly one Host in HTTP/1.1, and a valid one."""
    if count == 0:
        return Refusal(400, "a request in HTTP/1.1 has a Host header") if head.version == "1.1" else None
    if count > 1:
        return Refusal(400, "a request has one Host header, not several")
    host = next(value for name, value in head.headers if name == b"host")
    return None if _HOST.fullmatch(host) else Refusal(400, "the Host header is no host and port")


def _check_coding(head: Head) -> Refusal | None:
    """RFC 9112 section 6.1: a coding that is not known gets 501; HTTP/1.0 has none."""
    if head.version == "1.0":
        return Refusal(400, "HTTP/1.0 has no Transfer-Encoding")
    codings = [value.strip().lower() for name, value in head.headers if name == b"transfer-encoding"]
    return None if codings == [b"chunked"] else Refusal(501, "chunked is the only Transfer-Encoding known here")


def _check_length(head: Head, limit_post: int) -> Refusal | None:
    length = next(int(value) for name, value in head.headers if name == b"content-length")
    return too_large(limit_post) if length > limit_post else None


def too_large(limit_post: int) -> Refusal:
    """The refusal of a body above `limit-post`."""
    return Refusal(413, f"a body may have {limit_post} bytes (limit-post)")


def check_size(target: bytes, headers: Headers, buffer_size: int) -> Refusal | None:
    """Hold a head, perhaps one that is not complete yet, against our limits and `buffer-size`, in bytes."""
    limit = max(TARGET_LIMIT, buffer_size)
    if len(target) > limit:
        return Refusal(414, f"a request target may have {limit} bytes")
    limit = max(HEAD_LIMIT, buffer_size)
    if len(target) + sum(len(name) + len(value) + 4 for name, value in headers) > limit:
        return Refusal(431, f"the head of a request may have {limit} bytes")
    return None


def from_parser(error: httptools.HttpParserError) -> Refusal:
    """The refusal for what llhttp did not accept."""
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return Refusal(501, "this method is not known here")
    if "version" in str(error):
        return Refusal(505, "HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here")
    return Refusal(400, str(error))


def wants_upgrade(head: Head) -> bool:
    """Whether the request asks for a protocol that we can go on in: WebSocket, or HTTP/2 when it has no body.

    RFC 9110 section 7.8: an Upgrade that is not known, or not wanted, is ignored.
    """
    if head.method != "GET" or head.version != "1.1":
        return False
    fields = dict(head.headers)
    has_body = b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"
    return fields.get(b"upgrade", b"").lower() in _UPGRADES and not has_body


def replay(head: Head, without: bytes = b"") -> bytes:
    """The head as bytes again, for another parser; `without` leaves one header out."""
    lines = [b"%b %b HTTP/%b" % (head.method.encode(), head.target, head.version.encode())]
    lines += [b"%b: %b" % (name, value) for name, value in head.headers if name != without]
    return b"\r\n".join(lines) + b"\r\n\r\n"
