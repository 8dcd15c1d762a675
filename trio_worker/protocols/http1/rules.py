"""The rules for a request's head that are of HTTP/1.1 alone: what llhttp says, what is usual, Upgrade to HTTP/2."""

import base64
import binascii

import httptools

from trio_worker.asgi import Headers
from trio_worker.host import is_host
from trio_worker.protocols.http2.session import are_settings
from trio_worker.protocols.rules import Head, asked_protocol, list_of
from trio_worker.refusal import Refusal

# Headers that fronts add to what they pass on.
_OF_FRONTS = {b"forwarded", b"via", b"x-real-ip"}

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


def from_parser(error: httptools.HttpParserError) -> Refusal:
    """The refusal for what llhttp did not accept."""
    return _PARSER_REFUSALS.get(str(error)) or Refusal(400, str(error))


def wants_upgrade(head: Head, h2c: bool) -> bool:
    """Return True for a request for a protocol that we can go on in.

    Args:
        head: of the request.
        h2c: whether HTTP/2 is one of these protocols here.
    """
    protocol = asked_protocol(head)
    if protocol == b"websocket":
        return True
    return h2c and protocol == b"h2c" and b"http2-settings" in list_of(head.headers, b"connection") and _is_direct(head)


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


def replay(head: Head, without: bytes = b"") -> bytes:
    """The head as bytes again, for another parser; `without` leaves one header out."""
    lines = [b"%b %b HTTP/%b" % (head.method.encode(), head.target, head.version.encode())]
    lines += [b"%b: %b" % (name, value) for name, value in head.headers if name != without]
    return b"\r\n".join(lines) + b"\r\n\r\n"
