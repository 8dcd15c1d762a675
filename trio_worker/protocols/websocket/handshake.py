"""The opening handshake of a WebSocket (RFC 6455 section 4.2), and the extensions that it agrees on (RFC 7692)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from websockets.exceptions import InvalidHeader, NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension, parse_subprotocol
from websockets.utils import accept_key

from trio_worker.asgi import Headers, Scope
from trio_worker.http.exchange import Exchange
from trio_worker.protocols.websocket.inflating import Excess, Inflating
from trio_worker.refusal import Refusal

# The memory level of zlib: with it and a window of 12 bits a connection takes about 40 KiB, 8 of them for reading.
_MEMORY_LEVEL = 5

_VERSION = b"13"

# Offers that a client may make, and parameters of them: each takes some ten microseconds to read.
OFFERS = 64

# The ASGI extensions that every session has.
EXTENSIONS: Mapping[str, Any] = {"websocket.http.response": {}}


class Handshake(NamedTuple):
    """A request for a WebSocket that is in order.

    Attributes:
        key: of the client, which the answer proves to have been read; empty over HTTP/2 (RFC 8441 section 5).
        subprotocols: that the client offers.
        extensions: that are used if the app accepts.
        extension_header: what the answer says of them, empty for none.
    """

    key: str
    subprotocols: list[str]
    extensions: Sequence[Extension]
    extension_header: bytes

    def answer(self, subprotocol: str | None) -> Headers:
        """Return the headers of the answer that are the server's to say.

        Args:
            subprotocol: that the app has chosen.
        """
        headers = [(b"sec-websocket-accept", accept_key(self.key).encode())] if self.key else []
        if subprotocol is not None:
            headers.append((b"sec-websocket-protocol", subprotocol.encode()))
        if self.extension_header:
            headers.append((b"sec-websocket-extensions", self.extension_header))
        return headers


def read(
    headers: Headers, window_bits: int, needs_key: bool = True, excess: Excess | None = None
) -> Handshake | Refusal:
    """Return the handshake in the head of a request, or why it is refused.

    Args:
        headers: of the request, names in lower case.
        window_bits: of permessage-deflate, at most and in both directions; 0 to do without it.
        needs_key: whether the protocol below proves the answer by a key, as HTTP/1.1 does.
        excess: the account of a connection that has other sessions.
    """
    if _values(headers, b"sec-websocket-version") != [_VERSION]:
        return Refusal(426, "WebSockets are spoken in version 13 (RFC 6455 section 4.2.2).")
    keys = _values(headers, b"sec-websocket-key")
    if needs_key and not (len(keys) == 1 and _is_key(keys[0])):
        return Refusal(400, "A Sec-WebSocket-Key is 16 bytes in base64 (RFC 6455 section 4.2.1).")
    for name in (b"sec-websocket-protocol", b"sec-websocket-extensions"):
        if sum(each.count(b",") + each.count(b";") for each in _values(headers, name)) >= OFFERS:
            return Refusal(431, f"{name.decode().title()} may have {OFFERS} offers and parameters.")
    try:
        subprotocols = _lists(headers, b"sec-websocket-protocol", parse_subprotocol)
        offers = _lists(headers, b"sec-websocket-extensions", parse_extension)
    except (InvalidHeader, UnicodeDecodeError) as error:
        return Refusal(400, f"A header of the WebSocket's handshake cannot be read: {error}.")
    extensions, header = _agree(offers, window_bits, excess)
    return Handshake(keys[0].decode() if needs_key else "", subprotocols, extensions, header)


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for each, value in headers if each == name]


def _lists(headers: Headers, name: bytes, parse: Any) -> list[Any]:
    return [item for value in _values(headers, name) for item in parse(value.decode("ascii"))]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _agree(offers: Sequence[Any], window_bits: int, excess: Excess | None) -> tuple[Sequence[Extension], bytes]:
    """Take the first offer that can be taken; one that makes no sense is declined (RFC 7692 section 5.1)."""
    if not window_bits:
        return (), b""
    factory = ServerPerMessageDeflateFactory(
        server_max_window_bits=window_bits,
        client_max_window_bits=window_bits,
        compress_settings={"memLevel": _MEMORY_LEVEL},
    )
    for name, parameters in offers:
        if name == factory.name:
            try:
                agreed, extension = factory.process_request_params(parameters, [])
            except NegotiationError:
                continue
            return (Inflating(extension, excess or Excess()),), build_extension([(name, list(agreed))]).encode()
    return (), b""


def make_scope(exchange: Exchange, handshake: Handshake) -> Scope:
    """Turn the ASGI scope of the request into that of the session, and return it."""
    scope, extensions = exchange.scope, exchange.wire.extensions
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = handshake.subprotocols
    scope["extensions"] = {**EXTENSIONS, **extensions}
    return scope
