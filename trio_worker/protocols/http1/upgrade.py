"""The protocols that a connection goes on in when a request asks for one of them (RFC 9110 section 7.8)."""

from trio_worker.http.exchange import Exchange
from trio_worker.http.service import Service
from trio_worker.protocols.http1.rules import Head, is_websocket, replay
from trio_worker.protocols.hypercorn.connection import HypercornConnection
from trio_worker.protocols.websocket.connection import WebSocketConnection
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire


def follow(service: Service, wire: Wire, asked: Exchange, rest: bytes) -> Connection:
    """Return the connection in the protocol that was asked for.

    Args:
        service: the worker's.
        wire: the connection so far.
        asked: the request.
        rest: bytes that have come behind it.
    """
    if is_websocket(asked.headers):
        return WebSocketConnection(service, wire).ask(asked, rest)
    head = Head(asked.method, asked.target, asked.version, asked.headers)
    wire.unread(replay(head) + rest)
    return HypercornConnection(service, wire, http2=False)
