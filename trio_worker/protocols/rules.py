"""The rules for the head of a request, in every protocol, however its bytes came.

    method             a token; CONNECT is for proxies (RFC 9110 section 9.3.6): 501
    target             a path, an http URI, or `*` with OPTIONS; no fragment (RFC 9112 section 3.2): 400
    Host, :authority   one from HTTP/1.1 on, and a host with or without a port (RFC 9112 section 3.2): 400
    names, values      a token; text and tabs (RFC 9110 section 5): 400
    Content-Length     one number (RFC 9110 section 8.6): 400; up to limit-post: 413
    Transfer-Encoding  chunked (RFC 9112 section 6.1): 501; once, at the end, not in HTTP/1.0, nor with a
                       Content-Length: 400
    Upgrade            to a WebSocket where Connection names it, of a GET without a body (RFC 9110 section 7.8)
    Expect             100-continue from HTTP/1.1 on; others are ignored (RFC 9110 section 10.1.1)
    sizes              of the target: 414; of the head, and the number of fields: 431

Grammar is for the parsers to see: llhttp's, libnghttp2's, and the reader of packets, whose front has had one of its
own. Where a protocol has its own word for what is no HTTP, it gets no status: a stream of HTTP/2 is reset (RFC 9113
section 8.1.1). tests/serving/requests.toml has cases for each line, and what differs between the protocols, with its
reason. A rule gives a Refusal: a status and a sentence that says what is wrong and what is allowed.
"""

import re
from typing import NamedTuple

from trio_worker.asgi import Headers
from trio_worker.host import is_host
from trio_worker.refusal import Refusal, too_large

# The defaults of our limits, in bytes; a larger `buffer-size` in the ini raises both.
HEAD_LIMIT = 32768
TARGET_LIMIT = 8192

# Fields that a head may have: each costs more than its bytes do.
FIELD_LIMIT = 256
TOO_MANY_FIELDS = Refusal(431, f"The head of a request may have {FIELD_LIMIT} fields.", "limit")

# The methods that have no rules of their own.
METHODS = {each.encode(): each for each in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")}

# Targets that mean themselves (RFC 3986 sections 3.3 and 3.4).
USUAL_TARGET = b"/?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@%"

# No host has this name, where an empty one is allowed (RFC 9112 section 3.2).
NO_HOST = b"?"

_AUTHORITY_END = re.compile(rb"[/?#]")


class Head(NamedTuple):
    """The head of a request as it was read: names of headers in lower case."""

    method: str
    target: bytes
    version: str
    headers: Headers


def is_usual_target(target: bytes) -> bool:
    """Return True for a path, perhaps with a query, that needs no look at RFC 9112 section 3.2."""
    return target[:1] == b"/" and len(target) <= TARGET_LIMIT and not target.translate(None, USUAL_TARGET)


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
    """RFC 9112 section 6.1: a coding that is not known gets 501; HTTP/1.0 has none, and with a length it is a trap.

    Where the chunks are not the last coding, nobody knows the end of the body (section 6.3).
    """
    if head.version == "1.0":
        return Refusal(400, "HTTP/1.0 has no Transfer-Encoding")
    if any(name == b"content-length" for name, _ in head.headers):
        return Refusal(400, "a request has Content-Length or Transfer-Encoding, not both (RFC 9112 section 6.3)")
    codings = list_of(head.headers, b"transfer-encoding")
    if b"" in codings or b"chunked" in codings[:-1]:
        return Refusal(400, "chunked is the last Transfer-Encoding, and there once (RFC 9112 section 6.3)")
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


def asked_protocol(head: Head) -> bytes:
    """Return the protocol, in lower case, that a request asks to go on in; empty where that is to be ignored.

    RFC 9110 section 7.8: an Upgrade that Connection does not name is ignored, as is one in HTTP/1.0; RFC 6455 section
    4.1: a handshake is a GET. What a body would be behind it nobody can say.
    """
    if head.method != "GET" or head.version != "1.1":
        return b""
    fields = dict(head.headers)
    if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
        return b""
    return fields.get(b"upgrade", b"").lower() if b"upgrade" in list_of(head.headers, b"connection") else b""


def list_of(headers: Headers, name: bytes) -> list[bytes]:
    """Return the members, in lower case, of a list that may stand in several lines (RFC 9110 section 5.3)."""
    return [token.strip().lower() for each, value in headers if each == name for token in value.split(b",")]


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
