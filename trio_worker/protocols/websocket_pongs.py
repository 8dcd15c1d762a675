"""uWSGI's `websockets-pong-tolerance`: a session whose client does not answer a ping in time is ended.

Hypercorn sends pings (RFC 6455 section 5.5.2) and takes no notice of the answers. As in uWSGI's core/websockets.c, no
ping follows one that has not been answered.
"""

import logging
from collections.abc import Iterator
from typing import Any

import hypercorn.protocol.h2
import hypercorn.protocol.h11
import trio
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.ws_stream import WSStream
from wsproto.events import CloseConnection, Ping, Pong
from wsproto.frame_protocol import CloseReason

log = logging.getLogger(__name__)


def install(tolerance: float) -> None:
    """Watch the pongs of all sessions from here on; a session ends `tolerance` seconds after an unanswered ping."""
    WatchedStream.tolerance = tolerance
    # Hypercorn's protocols take the class of their streams from their own modules.
    hypercorn.protocol.h11.WSStream = WatchedStream  # type: ignore[attr-defined]
    hypercorn.protocol.h2.WSStream = WatchedStream  # type: ignore[attr-defined]


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


class WatchedStream(WSStream):
    """Hypercorn's WebSocket stream with an eye on the pongs.

    Attributes:
        tolerance: seconds that a client has to answer a ping.
    """

    tolerance: float

    async def _send_pings(self) -> None:
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
