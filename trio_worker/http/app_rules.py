"""The rules for what an app may send, in every protocol.

    all messages              a dict with a type
    http.response.start       a status from 200 to 999 (RFC 9110 section 15); one Content-Length, a number
                              (section 8.6), which the body keeps to; a 204 has none, a 205 that of no body; the fields
                              of connections are the server's, and left out (section 7.6.1), but `close` is heard
    websocket.http.response.  the same, but no status of success: over HTTP/2 a 2xx opens the WebSocket (RFC 8441
                              section 5)
    http.response.body        bytes, as many as announced; none goes out with a 204, a 205 (section 15.3.6), a 304 or to
                              HEAD (section 6.4.1)
    http.response.pathsend, http.response.zerocopysend
                              the path of a regular file; a file or its descriptor, offset and count not negative
    http.response.trailers    fields that frame, route, control or describe nothing (section 6.5.1)
    http.response.early_hint  values of Link (RFC 8297), up to 64 times
    websocket.accept          a subprotocol that the client has offered (RFC 6455 section 4.2.2); headers without
                              Sec-WebSocket-*, which are the server's; those of connections and a length are left out
    websocket.send            text, a str that UTF-8 can say, or bytes: one of them
    websocket.close           a code that may be sent (RFC 6455 section 7.4), a reason of up to 123 bytes (section 5.5)
    all fields                pairs of bytes; a name is a token, a value has no control character but tabs (RFC 9110
                              section 5.5). Blanks around a value are no part of it (section 5.5): clients of HTTP/1.1
                              strip them, and over HTTP/2, which forbids them (RFC 9113 section 8.2.1), we do. A head,
                              a hint and all trailers have up to 131,072 bytes each, as many as clients read

What comes out of order is refused as well, by the states of http/response.py and protocols/websocket/link.py; what
comes behind the end of a response is ignored, as ASGI says. tests/serving/app_messages.toml has cases for each line. A
rule raises ResponseError, which names the message, its key, the value, and what is allowed: the app's `send` raises it.
"""

import reprlib
from collections.abc import Iterable
from typing import Any

from trio_worker.asgi import Headers

# RFC 9110 section 5.6.2: what a method and a header's name may consist of.
TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

# RFC 9110 section 5.5: what a value must not have in it.
_CONTROLS = bytes({*range(32), 127} - {9})

# The fields that say something of a connection (RFC 9113 section 8.2.2).
OF_CONNECTIONS = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}

# The fields that say how a message is to be read, and so come before it (RFC 9110 section 6.5.1).
_NOT_BEHIND = OF_CONNECTIONS | {
    *(b"content-length", b"content-encoding", b"content-type", b"content-range", b"trailer", b"te", b"host"),
    *(b"age", b"cache-control", b"date", b"expires", b"location", b"retry-after", b"vary"),
    *(b"set-cookie", b"www-authenticate", b"proxy-authenticate"),
}

# Bytes of the fields of a head, a hint or trailers. In frames of HTTP/2 these are nine, and many clients read as many.
LARGEST = 131072

# Early hints before a response: over HTTP/2 no window holds them up.
MOST_HINTS = 64

# The statuses that have no body, and so no length of one; but a 304 has that of what it stands for.
BODILESS = frozenset({204, 205, 304})

# Shows in errors what an app has sent: the beginning of what is long, and something of what has no words for itself.
_saying = reprlib.Repr()
_saying.maxother = _saying.maxstring = 200
told = _saying.repr

# Digits of a Content-Length: more than any file has, and fewer than Python refuses to read.
_DIGITS = 18

# RFC 6455 section 5.5: a control frame has 125 bytes, two of which are the code.
_REASON = 123

# RFC 6455 section 7.4.1 and IANA's registry: the codes that a close frame may have, beside the apps' (3000 to 4999).
_CODES = {*range(1000, 1004), *range(1007, 1015)}


class ResponseError(Exception):
    """The app sent something that is no valid response; the message says what."""


def no_message(given: object) -> ResponseError:
    """Return the error of an app that has sent what is no message."""
    return ResponseError(f"the app sent {told(given)}; a message is a dict with a type")


def number_of(status: Any) -> int:
    """Return a status as a number. Raises ResponseError for what is no final one."""
    # By what it is equal to, as heads are remembered by that.
    if status not in range(200, 1000):
        raise ResponseError(f"{told(status)} is no status of a response, which is a number from 200 to 999")
    return int(status)


def check_denial(status: Any) -> None:
    """Raise ResponseError for a status that opens a WebSocket where it should refuse it."""
    if isinstance(status, int) and 200 <= status <= 299:
        raise ResponseError(
            f"websocket.http.response.start: status: {status} is a success, which opens a WebSocket over HTTP/2 "
            "(RFC 8441 section 5); a refusal has a number from 300 to 999"
        )


def header_lines(headers: Iterable[tuple[bytes, bytes]], kind: str = "http.response.start") -> bytes:
    """The header lines as the app gave them.

    Args:
        headers: the pairs.
        kind: the type of the message that they are in.

    Raises:
        ResponseError: a name is no token, a value has a control character in it, something is not bytes, or all of it
            is too large.
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
        raise ResponseError(f"{kind}: headers are pairs of bytes, not {told(headers)}") from error
    # Two control characters a line are ours.
    if odd or b"" in names or len(lines) - len(lines.translate(None, _CONTROLS)) != 2 * len(names):
        _raise_fault(zip(names, parts[2::4], strict=True), kind)
    if len(lines) > LARGEST:
        raise ResponseError(f"{kind}: headers: they have {len(lines)} bytes; {LARGEST} are allowed")
    return lines


def _raise_fault(headers: Iterable[tuple[bytes, bytes]], kind: str) -> None:
    """Raise ResponseError for the first of these that is not valid."""
    for name, value in headers:
        if not name or bytes(name).translate(None, TOKEN):
            raise ResponseError(f"{kind}: headers: the name {told(name)} is no token (RFC 9110 section 5.6.2)")
        if len(value) != len(bytes(value).translate(None, _CONTROLS)):
            raise ResponseError(
                f"{kind}: headers: the value {told(value)} of {told(name)} is not valid: it may have no control "
                "character but tabs (RFC 9110 section 5.5)"
            )


def all_bytes(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers as pairs of bytes, whatever of bytes an app has made them of; they have been checked."""
    return [(bytes(name), bytes(value)) for name, value in headers]


def length_of(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the Content-Length, of which there is one at least. Raises ResponseError for what is none."""
    lengths = [bytes(value) for name, value in headers if name.lower() == b"content-length"]
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > _DIGITS:
        given = b", ".join(lengths)[:80]
        raise ResponseError(f"content-length is one number of bytes, of up to {_DIGITS} digits, not {told(given)}")
    return int(lengths[0])


def asks_for_close(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return True if Connection, a list of tokens, has `close` among them (RFC 9110 section 7.6.1)."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    return any(token.strip(b" \t") == b"close" for token in b",".join(values).lower().split(b","))


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


def body_of(data: Any) -> bytes:
    """Return a piece of a body as bytes. Raises ResponseError for what is no bytes."""
    try:
        return bytes(memoryview(data))
    except (TypeError, ValueError) as error:  # The latter for a view that was released.
        raise ResponseError(f"http.response.body: body: it is bytes, not {type(data).__name__}") from error


def trailers_of(headers: Any, before: Headers) -> Headers:
    """Return the fields behind a body. Raises ResponseError where one of them is not valid there.

    Args:
        headers: as the app gave them.
        before: those of the messages before.
    """
    kind = "http.response.trailers"
    given = _fields(headers, kind)
    header_lines(before + given, kind)
    for name, _ in given:
        if name.lower() in _NOT_BEHIND:
            raise ResponseError(f"{kind}: headers: {told(name)} cannot come behind a body (RFC 9110 section 6.5.1)")
    return given


def hints_of(links: Any) -> Headers:
    """Return the fields of an early hint. Raises ResponseError where one of the links is not valid."""
    kind = "http.response.early_hint"
    if not isinstance(links, Iterable) or isinstance(links, str | bytes):
        raise ResponseError(f"{kind}: links are values of Link, as bytes, not {told(links)}")
    return _fields([(b"link", link) for link in links], kind)


def accepted(headers: Any) -> Headers:
    """Return the app's headers of a handshake without those that are left out. Raises ResponseError by the rules."""
    kind = "websocket.accept"
    given = _fields(headers, kind)
    for name, _ in given:
        if name.lower().startswith(b"sec-websocket-"):
            raise ResponseError(
                f"{kind}: headers: {told(name)} is the server's to say; a subprotocol has a key of its own"
            )
    return [field for field in given if field[0].lower() not in OF_CONNECTIONS | {b"content-length"}]


def subprotocol_of(chosen: Any, offered: list[str]) -> str | None:
    """Return the subprotocol of a session. Raises ResponseError for one that the client has not offered."""
    if chosen is not None and chosen not in offered:
        raise ResponseError(
            f"websocket.accept: subprotocol: the client has not offered {told(chosen)}, but {offered} "
            "(RFC 6455 section 4.2.2)"
        )
    word: str | None = chosen
    return word


def _fields(headers: Any, kind: str) -> Headers:
    pairs: Any = tuple(headers) if isinstance(headers, Iterable) else headers
    header_lines(pairs, kind)
    return all_bytes(pairs)


def in_http2(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the fields as HTTP/2 has them: in lower case, without blanks around values (RFC 9113 section 8.2)."""
    return [
        (bytes(name.lower()), bytes(value).strip(b" \t"))
        for name, value in headers
        if name.lower() not in OF_CONNECTIONS
    ]


def payload_of(text: Any, data: Any) -> str | bytes:
    """Return what websocket.send is to send. Raises ResponseError unless it has text or bytes, and one of them."""
    if (text is None) == (data is None):
        raise ResponseError(f"websocket.send: it has text or bytes, not {'neither' if text is None else 'both'}")
    if isinstance(text, str):
        return str(text)
    if text is not None:
        raise ResponseError(f"websocket.send: text: it is a str, not {type(text).__name__}")
    try:
        return bytes(memoryview(data))
    except (TypeError, ValueError) as error:
        raise ResponseError(f"websocket.send: bytes: they are bytes, not {type(data).__name__}") from error


def size_of(text: str | bytes) -> int:
    """Return the bytes of a message. Raises ResponseError for half of a character, which UTF-8 cannot say."""
    try:
        return len(text) if isinstance(text, bytes) else len(text.encode())
    except UnicodeEncodeError as error:
        raise ResponseError(f"websocket.send: text: it cannot be said in UTF-8: {error}") from error


def close_of(code: Any, reason: Any) -> tuple[int, str]:
    """Return code and reason of a close frame. Raises ResponseError for what it cannot have."""
    kind = "websocket.close"
    if not isinstance(code, int) or not (code in _CODES or 3000 <= code <= 4999):
        raise ResponseError(
            f"{kind}: code: {told(code)} is no code that a WebSocket can be closed with (RFC 6455 section 7.4): these "
            "are 1000 to 1003, 1007 to 1014, and 3000 to 4999"
        )
    text = "" if reason is None else reason
    try:
        size = len(str.encode(text))
    except (TypeError, UnicodeEncodeError) as error:
        raise ResponseError(f"{kind}: reason: it is text that UTF-8 can say, not {told(reason)}") from error
    if size > _REASON:
        raise ResponseError(f"{kind}: reason: it has {size} bytes; {_REASON} are allowed (RFC 6455 section 5.5)")
    return int(code), text
