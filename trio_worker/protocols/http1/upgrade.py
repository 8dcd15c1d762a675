"""The protocols that a connection goes on in when a request asks for one of them (RFC 9110 section 7.8)."""

from trio_worker.http.exchange import Exchange
from trio_worker.http.service import Service
from trio_worker.protocols.http1.rules import h2c_settings, is_websocket
from trio_worker.protocols.http2.connection import Http2Connection
from trio_worker.protocols.http2.rules import Asked
from trio_worker.protocols.websocket.connection import WebSocketConnection
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire


def follow(service: Service, wire: Wire, asked: Exchange, rest: bytes, hung_up: bool) -> Connection:
    """Return the connection in the protocol that was asked for.

    Args:
        service: the worker's.
        wire: the connection so far.
        asked: the request.
        rest: bytes that have come behind it.
        hung_up: whether its client has closed its side, which is told only once.
    """
    if is_websocket(asked.headers):
        return WebSocketConnection(service, wire).ask(asked, rest, hung_up)
    wire.unread(rest)
    settings = h2c_settings(asked.headers)
    assert settings is not None  # The rules have seen them.
    return Http2Connection(service, wire).upgrade(Asked(asked.method, asked.target, asked.headers, b""), settings)
