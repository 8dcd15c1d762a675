"""The express lane: HTTP/1.1 on llhttp, one task a connection, the app awaited in it (RFC 9112).

    read a head -> run the app -> its response is complete -> read the next head ... -> refuse, hand over, or close

One read of the wire is parsed at a time, so what a client pipelines is bounded by it; answers leave in the order of the
requests, because one task gives them. A slow app reads slowly, and so slows its client.
"""

import logging
from math import inf

import trio

from trio_worker.http.exchange import Exchange
from trio_worker.http.intake import Intake
from trio_worker.http.service import Service
from trio_worker.protocols.http1.parser import RequestParser
from trio_worker.protocols.hypercorn.connection import HypercornConnection
from trio_worker.protocols.request_connection import RequestConnection
from trio_worker.refusal import Refusal
from trio_worker.transport.bounds import DISCARD_LIMIT, DISCARD_TIMEOUT
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)


class Http1Connection(RequestConnection[Exchange]):
    """A connection that speaks plain HTTP/1.1.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
    """

    __slots__ = ("_deaf", "_idle", "_last_call", "_leaving", "_parser", "_woken")

    may_chunk = True
    _close_line = b"connection: close\r\n"

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(service, wire)
        self._parser = RequestParser(self)
        # Set when the worker drains: the next answer that nothing is queued behind says that it is the last.
        self._leaving = service.draining.is_set()
        # Set when idle connections are ended: what is here already is answered, then this one ends.
        self._last_call = False
        # Whether the kernel was told that we read no more, which then looks as if the client had closed its side.
        self._deaf = False
        # Whether the task waits, outside of its cancel scope, for the next request, and whether it has just done so.
        self._idle = self._woken = False

    async def serve(self) -> Connection | None:
        """Serve requests until one side ends it, or none comes just now; an upgrade goes on in Hypercorn."""
        all_served = await self._serve_requests()
        upgrade = self._parser.upgrade
        if all_served and upgrade is not None and not self.cancel_scope.cancel_called:
            self.wire.unread(upgrade)
            return HypercornConnection(self.service, self.wire, http2=False)
        return None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do when `serve` has returned."""
        return not (self._idle or self._linger or self._parser.refusal)

    async def step_outside(self) -> bool:
        """Wait for the next request, or end the connection; returns whether there is one.

        An idle connection keeps neither cancel scope nor parser: there are thousands of them. Under load it never gets
        here, because the next request has come when the last one is answered.
        """
        if self._idle and not self.cancel_scope.cancel_called:
            self._parser.rest()
            await self.wire.wait()
            self._idle = False
            return True
        if self._current is not None and not self._current.body_complete:
            self._linger = True  # An answer in the app's place, to a client that is still sending.
        await self._part(self._parser.refusal)
        return False

    async def _serve_requests(self) -> bool:
        """Serve until no request comes any more, or none just now; False when a response has ended the connection."""
        queue, task = self._parser.queue, trio.lowlevel.current_task()
        # What an app leaves in a context variable is of its request alone, as if each had a task of its own.
        context = task.context.copy()
        while queue or self._take_head() or await self._read_head():
            if not await self._respond(queue.pop(0)):
                return False
            task.context = context.copy()  # Trio takes it up at the checkpoint.
            # A client that pipelines without pause must not keep the others waiting.
            if self._hung_up:
                await trio.lowlevel.cancel_shielded_checkpoint()
            else:
                await trio.lowlevel.checkpoint()
        return True

    def _take_head(self) -> bool:
        """Take the next request if it has come whole; under load it nearly always has."""
        parser = self._parser
        if self._last_call or parser.refusal is not None or parser.upgrade is not None:
            return False
        if data := self.wire.receive_now():
            parser.feed(data)
        if not parser.queue:
            return False
        self.wire.deadline = inf
        return True

    async def _read_head(self) -> bool:
        """Read a request; False when none will come, or when the connection is idle."""
        wire, parser, options = self.wire, self._parser, self.service.options
        idle, woken = not parser.in_head, self._woken
        self._woken = False
        wire.deadline = self.service.clock.now + (options.keepalive_timeout if idle else options.header_timeout)
        while not parser.queue:
            if self._last_call and not parser.in_head:
                self._end_reading()
            if parser.stopped:
                return False
            if idle and not woken:
                self._idle = self._woken = True
                return False
            if not (data := await wire.receive()):
                return False
            if idle:
                idle = False
                wire.deadline = self.service.clock.now + options.header_timeout
            parser.feed(data)
            # Line breaks before a request may come without end, and without a wait.
            await trio.lowlevel.checkpoint()
        wire.deadline = inf
        return True

    async def _respond(self, exchange: Exchange) -> bool:
        """Run the app for one request; False when the connection ends with it."""
        self._current = exchange
        if (exchange.body or not exchange.body_complete) and not self._take_in(exchange):
            return False
        self.handle.body_ready = exchange.body_complete
        wanted = exchange.keep_alive
        if self._hung_up:
            self._gone = True
            self.handle.cancel()  # What needs no waiting is still answered.
        await self.service.application(exchange.scope(), exchange.receive, exchange.send)
        if exchange.complete and exchange.body_complete and exchange.keep_alive:
            goes_on = True
        else:
            goes_on = await self._finish(exchange, wanted)
        self._current = None
        self.handle.begun = not goes_on
        return goes_on

    def _take_in(self, exchange: Exchange) -> bool:
        """Begin the account of a body with what has come together with its head; False when that is refused."""
        self._intake = Intake(self.service.options.limit_post)
        refusal = self._intake.add(exchange, 0)
        self._parser.refusal = refusal or self._parser.refusal
        return refusal is None and self._find_fault(exchange) is None

    async def _finish(self, exchange: Exchange, wanted: bool) -> bool:
        """What is left to do when the connection may not go on, though its client may have wanted that."""
        if not exchange.complete:
            if not (self._gone or self.handle.gone):
                log.error("the app ended before its response to %s was complete", exchange.target.decode())
            return False
        if exchange.body_complete:
            self._linger = wanted and not exchange.keep_alive
            return exchange.keep_alive
        self._linger = True
        return exchange.keep_alive and await self._discard(exchange)

    async def _discard(self, exchange: Exchange) -> bool:
        """Read what the app has left of the body; False when that is more than the connection is worth."""
        intake = self._intake
        assert intake is not None
        limit = intake.size + DISCARD_LIMIT
        with trio.move_on_after(DISCARD_TIMEOUT):
            while not exchange.body_complete and not self._gone and intake.size <= limit:
                exchange.body.clear()
                await self.read_body()
        self._linger = not exchange.body_complete
        return exchange.body_complete

    def _feed(self, exchange: Exchange, data: bytes) -> None:
        self._parser.feed(data)

    def _find_fault(self, exchange: Exchange) -> Refusal | None:
        return None if exchange.body_complete else self._parser.refusal

    @property
    def closing(self) -> bool:
        """Whether the response that begins now is the last one on this connection."""
        current = self._current
        if current is not None and current.expects_continue and not current.body_complete:
            return True
        # What the client had sent before it could know is answered as well.
        return (self._leaving or self._last_call) and not self._parser.queue

    # What others tell the connection; see Connection.

    def _expire_head(self) -> None:
        """A head is late, or the connection idle, which ends as in a drain."""
        if not self._parser.in_head:
            self.end_linger()
            return
        self._linger = True
        self.counters.timeouts += 1
        self._parser.refusal = Refusal(408, "the head of the request took too long to arrive")
        self.cancel_scope.cancel()

    def hang_up(self) -> None:
        """The client has closed its side, unless it only looks so."""
        if not self._deaf:
            super().hang_up()

    def abort(self) -> None:
        """End now, whatever is in flight."""
        super().abort()
        if self._idle:
            self.wire.abort()

    def start_drain(self) -> None:
        """Say with the next answer that the connection ends."""
        self._leaving = True

    def end_linger(self) -> None:
        """End when idle, now or after the current request; what the kernel has received is still answered."""
        self._last_call = True
        if self._current is None and not self._parser.in_head and not self._parser.queue:
            self._end_reading()

    def _end_reading(self) -> None:
        self._deaf = True
        self.wire.end_reading()
