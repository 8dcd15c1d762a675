"""Hypercorn's WebSocket streams, with a client that speaks too early, and one that does not answer pings.

Hypercorn refuses what comes before its handshake is complete, but lets the app go on meanwhile; and it sends pings (RFC
6455 section 5.5.2) without taking notice of the answers, which uWSGI's `websockets-pong-tolerance` is about. As in
uWSGI's core/websockets.c, no ping follows one that has not been answered.
"""

import logging
from collections.abc import Iterator
from typing import Any

import hypercorn.protocol.h2
import hypercorn.protocol.h11
import trio
from hypercorn.protocol.events import Body, Data, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.events import CloseConnection, Ping, Pong
from wsproto.frame_protocol import CloseReason

log = logging.getLogger(__name__)


def install(tolerance: float | None) -> None:
    """Have all sessions from here on use our stream.

    Args:
        tolerance: seconds that a client has to answer a ping before its session ends, None for as long as it likes.
    """
    WebSocketStream.tolerance = tolerance
    # Hypercorn's protocols take the class of their streams from their own modules.
    hypercorn.protocol.h11.WSStream = WebSocketStream  # type: ignore[attr-defined]
    hypercorn.protocol.h2.WSStream = WebSocketStream  # type: ignore[attr-defined]


class _Listening:
    """A wsproto connection that counts the pongs among its events."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.pongs = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def events(self) -> Iterator[Any]:
        for event in self._connection.events():
            self.pongs += isinstance(event, Pong)
            yield event


class WebSocketStream(WSStream):
    """Hypercorn's WebSocket stream.

    Attributes:
        tolerance: see `install`.
    """

    tolerance: float | None = None

    async def handle(self, event: StreamEvent) -> None:
        """What the client or the connection does."""
        if isinstance(event, (Body, Data)) and self._is_early():
            await self._refuse_early()
        else:
            await super().handle(event)

    def _is_early(self) -> bool:
        return self.app_put is not None and not (self.closed or self.handshake.accepted)

    async def _refuse_early(self) -> None:
        # The app may answer while the refusal waits to be written: it must find the stream closed by then.
        self.closed = True
        if self.state is ASGIWebsocketState.HANDSHAKE:
            assert self.app_put is not None
            await self.app_put({"type": "websocket.disconnect", "code": CloseReason.PROTOCOL_ERROR.value})
            await self._send_error_response(400)

    async def _send_pings(self) -> None:
        if self.tolerance is None:
            await super()._send_pings()
            return
        connection: Any = _Listening(self.connection)
        self.connection = connection
        interval = self.config.websocket_ping_interval or 0.0
        while not self.closed:
            pongs = connection.pongs
            await self._send_wsproto_event(Ping())
            await trio.sleep(self.tolerance)
            if connection.pongs == pongs and not self.closed:
                await self._give_up()
                return
            await trio.sleep(max(0, interval - self.tolerance))

    async def _give_up(self) -> None:
        log.info("no pong from %s within %g s: its session ends", self.client, self.tolerance)
        await self._send_wsproto_event(CloseConnection(code=CloseReason.INTERNAL_ERROR, reason="no pong"))
        await self.send(StreamClosed(stream_id=self.stream_id))
