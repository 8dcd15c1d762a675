"""The rules for a request's head beyond its grammar, with their sections.

The parser has checked the grammar. A rule gives a Refusal: a status and a sentence that says what is wrong and what is
allowed. The connection ends after it.
"""

import base64
import binascii
import re
from typing import NamedTuple

import httptools

from trio_worker.asgi import Headers
from trio_worker.host import is_host
from trio_worker.protocols.http2.session import are_settings
from trio_worker.refusal import Refusal, too_large

# The defaults of our limits, in bytes; a larger `buffer-size` in the ini raises both.
HEAD_LIMIT = 32768
TARGET_LIMIT = 8192

# Fields that a head may have, as over HTTP/2: each costs more than its bytes do.
FIELD_LIMIT = 256
TOO_MANY_FIELDS = Refusal(431, f"The head of a request may have {FIELD_LIMIT} fields.", "limit")

# Headers that fronts add to what they pass on.
_OF_FRONTS = {b"forwarded", b"via", b"x-real-ip"}

_AUTHORITY_END = re.compile(rb"[/?#]")


class Head(NamedTuple):
    """The head of a request as the parser has read it."""

    method: str
    target: bytes
    version: str
    headers: Headers


# Llhttp's errors for requests that may be right and are not for us; each other one is a 400.
_PARSER_REFUSALS = {
    "Invalid method encountered": Refusal(501, "this method is not known here"),
    "Invalid HTTP version": Refusal(505, "HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here"),
}


def is_usual(method: str, target: bytes, version: str, headers: Headers, given: dict[bytes, bytes]) -> bool:
    """Return True for what nearly every request is: one in which no rule but that of `limit-post` can find anything.

    Args:
        method, target, version, headers: of the request.
        given: the headers by name, which tells whether one came twice.
    """
    return (
        version == "1.1"
        and target[:1] == b"/"
        and b"#" not in target
        and len(given) == len(headers)
        and is_host(given.get(b"host", b"?"))
        and b"transfer-encoding" not in given
        and method != "CONNECT"
    )


def check(head: Head, names: list[bytes], limit_post: int) -> Refusal | None:
    """The first rule that this head breaks.

    Args:
        head: of the request.
        names: of its headers, in order.
        limit_post: uWSGI's `limit-post`, the most bytes that a body may announce; 0 for no limit.
    """
    if head.method == "CONNECT":
        return Refusal(501, "CONNECT is for proxies (RFC 9110 section 9.3.6)")
    if head.version not in ("1.1", "1.0"):
        return Refusal(505, f"HTTP/{head.version} is not spoken here, but HTTP/1.0, HTTP/1.1 and HTTP/2")
    return (
        _check_target(head)
        or _check_host(head, names)
        or (_check_coding(head) if b"transfer-encoding" in names else None)
        or (_check_length(head, limit_post) if limit_post and b"content-length" in names else None)
    )


def _check_target(head: Head) -> Refusal | None:
    """Refuse what is no path, no absolute URI, and no `*` with OPTIONS (RFC 9112 section 3.2)."""
    target = head.target
    if b"#" in target:
        return Refusal(400, "A fragment (#) is no part of a request target (RFC 9112 section 3.2).")
    if target.startswith(b"/") or (target == b"*" and head.method == "OPTIONS"):
        return None
    host = _authority(target)
    if target.lower().startswith((b"http://", b"https://")) and host and is_host(host):
        return None
    return Refusal(400, "the request target is no path, no http URI and no * (RFC 9112 section 3.2)")


def _check_host(head: Head, names: list[bytes]) -> Refusal | None:
    """RFC 9112 section 3.2: exactly one Host in HTTP/1.1, and a valid one."""
    count = names.count(b"host")
    if count == 0:
        return Refusal(400, "a request in HTTP/1.1 has a Host header") if head.version == "1.1" else None
    if count > 1:
        return Refusal(400, "a request has one Host header, not several")
    return None if is_host(head.headers[names.index(b"host")][1]) else Refusal(400, "the Host is no host and port")


def _authority(target: bytes) -> bytes:
    """Host and port of a target in absolute form; empty where it has none."""
    return _AUTHORITY_END.split(target.partition(b"://")[2], maxsplit=1)[0]


def _check_coding(head: Head) -> Refusal | None:
    """RFC 9112 section 6.1: a coding that is not known gets 501; HTTP/1.0 has none, and with a length it is a trap."""
    if head.version == "1.0":
        return Refusal(400, "HTTP/1.0 has no Transfer-Encoding")
    if any(name == b"content-length" for name, _ in head.headers):
        return Refusal(400, "a request has Content-Length or Transfer-Encoding, not both (RFC 9112 section 6.3)")
    codings = [value.strip().lower() for name, value in head.headers if name == b"transfer-encoding"]
    return None if codings == [b"chunked"] else Refusal(501, "chunked is the only Transfer-Encoding known here")


def _check_length(head: Head, limit_post: int) -> Refusal | None:
    # Python refuses to read a number of thousands of digits, and leading zeros are digits.
    length = next(int(value.lstrip(b"0") or b"0") for name, value in head.headers if name == b"content-length")
    return too_large(limit_post) if length > limit_post else None


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
    return _PARSER_REFUSALS.get(str(error)) or Refusal(400, str(error))


def wants_upgrade(head: Head, h2c: bool) -> bool:
    """Return True for a request for a protocol that we can go on in: WebSocket, or HTTP/2 when it has no body.

    RFC 9110 section 7.8: an Upgrade that is not known, or not wanted, or that Connection does not name is ignored.

    Args:
        head: of the request.
        h2c: whether HTTP/2 is one of these protocols here.
    """
    if head.method != "GET" or head.version != "1.1":
        return False
    fields = dict(head.headers)
    if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
        return False
    tokens = _tokens(head.headers, b"connection")
    if b"upgrade" not in tokens:
        return False
    if is_websocket(head.headers):
        return True
    return h2c and b"http2-settings" in tokens and fields.get(b"upgrade", b"").lower() == b"h2c" and _is_direct(head)


def _tokens(headers: Headers, name: bytes) -> list[bytes]:
    """Return the members of a list that may stand in several lines (RFC 9110 section 5.3)."""
    return [token.strip().lower() for each, value in headers if each == name for token in value.split(b",")]


def _is_direct(head: Head) -> bool:
    """Return True if no front has passed the request on: behind one, HTTP/2 would be a tunnel past its rules.

    The settings are one header (RFC 7540 section 3.2.1) and in order: behind a 101 it would be too late to see.
    """
    names = [name for name, _ in head.headers]
    if any(name in _OF_FRONTS or name.startswith(b"x-forwarded") for name in names):
        return False
    settings = h2c_settings(head.headers)
    return names.count(b"http2-settings") == 1 and settings is not None and are_settings(settings)


def h2c_settings(headers: Headers) -> bytes | None:
    """Return the payload of HTTP2-Settings, None where it is not in base64url."""
    value = dict(headers).get(b"http2-settings", b"")
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), b"-_", validate=True)
    except binascii.Error:
        return None


def is_websocket(headers: Headers) -> bool:
    """Return True for the headers of a request that is to be followed to a WebSocket, not to HTTP/2."""
    return dict(headers).get(b"upgrade", b"").lower() == b"websocket"


def expects_continue(headers: Headers) -> bool:
    """Return True if the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1)."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)


def in_origin_form(head: Head) -> Head:
    """The head with a target in absolute form as path and Host (RFC 9112 section 3.2.2); `*` stays what it is."""
    if head.target.startswith(b"/") or head.target == b"*":
        return head
    host = _authority(head.target)
    path = head.target.partition(b"://")[2].removeprefix(host)
    others = [(name, value) for name, value in head.headers if name != b"host"]
    return head._replace(target=path if path.startswith(b"/") else b"/" + path, headers=[(b"host", host), *others])


def replay(head: Head, without: bytes = b"") -> bytes:
    """The head as bytes again, for another parser; `without` leaves one header out."""
    lines = [b"%b %b HTTP/%b" % (head.method.encode(), head.target, head.version.encode())]
    lines += [b"%b: %b" % (name, value) for name, value in head.headers if name != without]
    return b"\r\n".join(lines) + b"\r\n\r\n"
