"""A WebSocket on a connection of its own: behind the head of an HTTP/1.1 request, or behind a uwsgi packet."""

import logging
from collections.abc import Coroutine
from math import inf
from typing import Any

from trio_worker.http.exchange import Exchange
from trio_worker.http.response import LEAVING
from trio_worker.http.service import Service
from trio_worker.http.unseen import note
from trio_worker.options import Options
from trio_worker.protocols.websocket import handshake
from trio_worker.protocols.websocket.inflating import Excess
from trio_worker.protocols.websocket.link import (
    CLOSE_GRACE,
    CLOSED,
    CLOSING,
    INTERNAL_ERROR,
    LOST,
    OPEN,
    SERVICE_RESTART,
)
from trio_worker.protocols.websocket.session import WebSocketSession
from trio_worker.refusal import Refusal
from trio_worker.transport.connections import CLOSE, Connection, Outcome
from trio_worker.transport.wire import Address, Wire

log = logging.getLogger(__name__)

# KiB of a message where `websockets-max-size` says nothing.
MAX_SIZE = 16384

# Seconds between two pings where `websockets-ping-freq` says nothing, which is uWSGI's own default. Fronts end a
# connection on which nothing happens: nginx after 60 s.
PING_FREQ = 30


def max_size(options: Options) -> int:
    """Return how many bytes a message may have."""
    return 1024 * (MAX_SIZE if options.websockets_max_size is None else options.websockets_max_size)


class WebSocketConnection(Connection):
    """A connection that was asked to become a WebSocket.

    Args:
        service: the worker's.
        wire: the connection.

    Attributes:
        service: see above.
        session: once the app runs.
    """

    __slots__ = ("_early", "_hung_up", "_pinged", "excess", "exchange", "needs_key", "server", "service", "session")

    # It ends with its answer, whatever that is.
    drain = LEAVING
    ends_here = True

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.server: Address | None = wire.server
        self.exchange: Exchange | None = None
        self.session: WebSocketSession | None = None
        # True if the client has sent more than its request without waiting for the answer.
        self._early = False
        # True if the handshake has a key, as it has in HTTP/1.1.
        self.needs_key = True
        # The bytes by which its compressed messages may become too large, where it shares these with other sessions.
        self.excess: Excess | None = None
        # How many pongs had come when the last ping left; -1 where an answer to it is not waited for.
        self._pinged = -1
        # True once the client has gone, whom the session is told of when it begins.
        self._hung_up = False

    def ask(self, exchange: Exchange, early: bytes, hung_up: bool) -> "WebSocketConnection":
        """Take the request that asks for it.

        Args:
            exchange: the request.
            early: bytes that have come behind it already.
            hung_up: whether its client has closed its side.
        """
        exchange.connection = self
        self.exchange = exchange
        self.wire.deadline = inf  # That of the head, which has come.
        self._early, self._hung_up = bool(early), hung_up
        return self

    async def read_body(self) -> None:
        """Do nothing: the request has no body."""

    def serve(self) -> Coroutine[Any, Any, None]:
        """Serve the session to its end, and leave the rest to be done OUTSIDE.

        Not a coroutine function: an idle session is a stack of coroutines, and each of them takes a quarter of a KiB.
        """
        begun = self._begin()
        if isinstance(begun, Refusal):
            return self._refuse(begun)
        self.session = begun
        self._expect_ping()
        if self._hung_up:
            begun.lose()
        return self.service.application.run_session(begun)

    def _begin(self) -> WebSocketSession | Refusal:
        """Make the session, which has the exchange to itself from then on; or return why there is none."""
        exchange, options = self.exchange, self.service.options
        assert exchange is not None
        exchange.begin(self.cancel_scope)
        agreed = handshake.read(exchange.headers, options.websocket_deflate, self.needs_key, self.excess)
        if self._early:
            agreed = Refusal(400, "A client waits for the answer before it sends frames (RFC 6455 section 4.1).")
        if isinstance(agreed, Refusal):
            return agreed
        self.exchange = None
        session = WebSocketSession(self.wire, exchange, agreed, max_size(options))
        if self.service.draining.is_set():
            session.start_drain()
        return session

    async def _refuse(self, refusal: Refusal) -> None:
        exchange, self.exchange = self.exchange, None  # Its head may be large, and the client may stay for a while.
        assert exchange is not None
        marks = note(self.service, "a WebSocket", self.wire.client, refusal, exchange.headers)
        version = [(b"sec-websocket-version", b"13")] if refusal.status == 426 else []
        await exchange.refuse(refusal, [*version, *marks])

    def release(self) -> None:
        """Let go of the session and of its request, which know this connection."""
        self.session = self.exchange = None

    async def step_outside(self) -> Outcome:
        """End our side, and let the client end its own: a close with unread data would take our last frame with it."""
        session = self.session
        if session is not None:
            session.close_now(SERVICE_RESTART if self.service.draining.is_set() else INTERNAL_ERROR)
        self.wire.deadline = inf
        with self.service.lingering.stay() as self.cancel_scope:
            if session is not None:
                await self.service.lingering.await_end(self.wire, self.cancel_scope, session.await_close)
                await session.settle()
            await self.service.lingering.part(self.wire, self.cancel_scope)
        return CLOSE

    # The calls of others, which never block; see Connection.

    def wake(self, ended: bool) -> None:
        """Take note of bytes; control frames are answered, and an end is heard, also while the app does not receive."""
        reading = self.wire.reading
        self.wire.wake(ended)
        if reading and not ended:
            return  # Whoever reads takes it apart.
        session = self.session
        if session is None or session.phase not in (OPEN, CLOSING):
            return
        if not reading:
            session.read_ahead()
        if ended and session.phase is OPEN:
            session.leave()  # It is told once; whoever reads finds the end behind what came before it.

    def hang_up(self, is_over: bool = False) -> None:
        """Take note that the client has closed its side, before the session is open; later that is read.

        Args:
            is_over: whether there is nothing to read any more.
        """
        session, self._hung_up = self.session, True
        if session is not None and (is_over or session.phase not in (OPEN, CLOSING)):
            session.lose()

    def expire(self) -> None:
        """Act on a write that stalls, a ping that is due or was not answered, a close that was not, an app after it."""
        session = self.session
        self.wire.deadline = inf
        if session is None or self._is_stuck():
            self.service.counters.timeouts += 1
            self.abort()
        elif session.gone or (session.phase is CLOSED and session.is_over):
            self.cancel_scope.cancel()
        elif session.phase is CLOSED:
            self.wire.end_writing()  # The app has closed it, and is left alone, as behind an answer.
        elif session.phase is OPEN and self.service.draining.is_set():
            session.close_now(SERVICE_RESTART)
        elif self.wire.stalled:
            self.wire.deadline = self.service.clock.now + CLOSE_GRACE  # It reads, and hears of the rest later.
        elif session.phase is CLOSING:
            session.lose()
        else:
            self._keep_alive(session)

    def _is_stuck(self) -> bool:
        """Return True if the client has read nothing for as long as it may; in a drain that is not for long."""
        wire, options = self.wire, self.service.options
        if not wire.stalled:
            return False
        spare = max(0, options.write_timeout - CLOSE_GRACE) if self.service.draining.is_set() else 0
        return wire.stall_deadline - spare <= self.service.clock.now

    def _expect_ping(self) -> None:
        frequency = self.service.options.websockets_ping_freq
        interval = PING_FREQ if frequency is None else frequency
        self._pinged = -1
        self.wire.deadline = self.service.clock.now + interval if interval else inf

    def _keep_alive(self, session: WebSocketSession) -> None:
        """Send a ping, or look whether the last one was answered (uWSGI's websockets-pong-tolerance)."""
        tolerance = self.service.options.websockets_pong_tolerance
        if self._pinged >= 0 and session.pongs == self._pinged and not session.is_ahead:
            log.info("no pong from %s within %g s: its session ends", self.wire.client, tolerance)
            session.leave()
            session.close_now(INTERNAL_ERROR, heard=LOST)
            session.lose()
            return
        if self._pinged >= 0 or session.phase is not OPEN:
            self._expect_ping()
            return
        pongs = session.ping()
        self._expect_ping()
        if tolerance:
            self._pinged = pongs
            self.wire.deadline = self.service.clock.now + tolerance

    def start_drain(self) -> None:
        """Close by 1012, once the app has had what was received."""
        if self.session is not None:
            self.session.start_drain()

    def end_linger(self) -> None:
        """Do nothing: the close of a session has its own time."""
