"""The HTTP/1.1 lane: plain requests by a reader of their own, all others by llhttp (RFC 9112).

    read a head -> run the app -> its response is complete -> wait without a task, or read the next head
                                                           -> refuse, hand over, or close

A connection has a task from the first byte of a request to the end of its app. One read of the wire is parsed at a
time, so what a client pipelines is bounded by it; answers leave in the order of the requests, because one task gives
them. A slow app reads slowly, and so slows its client. An app that goes on after its answer keeps the task, and the
next request gets another one.
"""

import logging
from math import inf

import trio

from trio_worker.http.exchange import Exchange
from trio_worker.http.intake import make_intake
from trio_worker.http.response import LAST_CALL, LEAVING, OPEN, SHUT
from trio_worker.http.service import Service
from trio_worker.protocols.http1 import plain_head
from trio_worker.protocols.http1.parser import RequestParser
from trio_worker.protocols.http1.upgrade import follow
from trio_worker.protocols.request_connection import (
    CLOSED,
    DISCARDING,
    HEAD,
    IDLE,
    LINGERING,
    RUNNING,
    RequestConnection,
)
from trio_worker.refusal import LATE_HEAD, Refusal
from trio_worker.transport.bounds import DISCARD_LIMIT, DISCARD_TIMEOUT
from trio_worker.transport.connections import AGAIN, CLOSE, OUTSIDE, PARKED, TAKEN, Connection, Outcome
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# Seconds after which an idle connection leaves its parser: there are thousands of them.
REST_AFTER = 1.0

# Requests of one connection whose apps go on after their answers, at most; the next request waits for one of them.
OUTLIVING = 16


class Http1Connection(RequestConnection[Exchange]):
    """A connection that speaks HTTP/1.1.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
    """

    __slots__ = ("_outliving", "_parked", "_parser", "_resting", "server")

    _close_line = b"connection: close\r\n"

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(service, wire)
        self._parser = RequestParser(self)
        self.server = wire.server
        self.drain = LEAVING if service.draining.is_set() else OPEN
        # True while it waits for its client without a task, and once it has done so for a while; and how many apps of
        # it go on after their answers, in tasks that it has left.
        self._parked = self._resting = False
        self._outliving = 0

    async def serve(self) -> Connection | Outcome | None:
        """Serve one request; one that asks for another protocol goes on in that."""
        exchange, parser = self._take_request(), self._parser
        if exchange is None:
            if self.state is IDLE and not parser.stopped and self.wire.can_wait_alone():
                return self._park()
            if (exchange := await self._await_request()) is None:
                return self._conclude()
        self.wire.deadline = inf
        self.exchange, self.state = exchange, RUNNING
        if (exchange.body or not exchange.body_complete) and not self._take_in(exchange):
            return self._conclude()
        wanted = exchange.keep_alive
        exchange.begin(self.cancel_scope)
        if self._hung_up:
            exchange.cancel()  # An app that does not wait for anything still answers.
        await self.service.application.run(exchange)
        if self.exchange is not exchange:
            return self._leave_behind()
        if not (exchange.complete and exchange.body_complete and exchange.keep_alive) and not await self._finish(
            exchange, wanted
        ):
            return self._conclude()
        self.exchange, self.state = None, HEAD if parser.in_head else IDLE
        if parser.queue or parser.refusal or parser.upgrade or self.state is HEAD:
            return AGAIN
        if self.drain is LAST_CALL:
            self._end_reading()
        return self._park() if self.wire.can_wait_alone() else AGAIN

    def _park(self) -> Outcome:
        """Wait for the client without a task: `wake` brings it back to one.

        What came and was no request, empty lines for one, has prolonged nothing.
        """
        self._parked, self.attendant = True, None
        if self.wire.deadline == inf:
            self.wire.deadline, self._resting = self.service.clock.now + REST_AFTER, False
        return PARKED

    def _take_request(self) -> Exchange | None:
        """Take the next request if it has come whole; under load it nearly always has."""
        parser = self._parser
        if parser.queue:
            return parser.queue.pop(0)
        if parser.refusal or parser.upgrade or (data := self.wire.receive_now()) is None:
            return None
        if self.state is IDLE and (head := plain_head.read(data)) is not None:
            method, target, headers, keep_alive = head
            exchange = Exchange(self, method, target, "1.1", headers, keep_alive)
            exchange.body_complete = True
            return exchange
        self._parse(data)
        return parser.queue.pop(0) if parser.queue else None

    def _parse(self, data: bytes) -> None:
        parser, before = self._parser, self.state
        if not data:
            self.state = CLOSED
            return
        self.wire.unread(parser.feed_some(data))
        self.state = HEAD if parser.in_head else IDLE
        if self.state is not before:
            self._set_deadline()

    def _set_deadline(self) -> None:
        """Begin the wait for the first byte of a request, or for the end of its head."""
        seconds = self.service.options.header_timeout if self.state is HEAD else REST_AFTER
        self.wire.deadline, self._resting = self.service.clock.now + seconds, False

    async def _await_request(self) -> Exchange | None:
        """Wait for a request in this task; None when none will come."""
        self._set_deadline()
        exchange = None
        while exchange is None and self.state is not CLOSED and not self._parser.stopped:
            if self.state is IDLE and self.drain is LAST_CALL:
                self._end_reading()
            await self.wire.wait()
            exchange = self._take_request()
        return exchange

    def _conclude(self) -> Connection | Outcome | None:
        """Return what becomes of the connection when no request is served on it for now."""
        parser = self._parser
        if parser.upgrade is not None and self.exchange is None and not self.cancel_scope.cancel_called:
            return follow(self.service, self.wire, *parser.upgrade, self._hung_up)
        if self.state is CLOSED and self.wire.flush():
            return CLOSE
        return OUTSIDE if parser.refusal is not None or self._lingers else CLOSE

    async def step_outside(self) -> Outcome:
        """End the connection, unless a client that has closed its side had sent more before."""
        if self._hung_up and self.exchange is None and self._parser.queue:
            return AGAIN
        await self._settle()
        exchange, refusal = self.exchange, self._parser.refusal
        if exchange is not None and (exchange.begun or exchange.gone):
            refusal = None  # It is too late to say so.
        unread = exchange is not None and (
            not exchange.body_complete or (exchange.keep_alive and not (exchange.complete or exchange.gone))
        )
        if refusal is not None or unread or self.state is LINGERING:
            await self._part(refusal, self._parser.headers)
        return CLOSE

    def _take_in(self, exchange: Exchange) -> bool:
        """Begin the account of a body with what has come together with its head; return False when that is refused."""
        exchange.intake = make_intake(self.service.options)
        refusal = exchange.intake.add(sum(map(len, exchange.body)), 0, exchange.body_complete)
        self._parser.refusal = refusal or self._parser.refusal
        return refusal is None and self._find_fault(exchange) is None

    async def _finish(self, exchange: Exchange, wanted: bool) -> bool:
        """Do what is left to do behind a response; return False when the connection may not go on.

        A client that did not say itself that it ends the connection (`wanted`) may be sending more already.
        """
        if not exchange.complete:
            if exchange.gone or self._hung_up:
                return False
            if not exchange.failed:
                log.error("the app ended before its response to %s was complete", exchange.target.decode("latin-1"))
            if wanted or not exchange.body_complete:
                self.state = LINGERING
            return False
        if exchange.keep_alive and await self._discard(exchange):
            return True
        self.state = LINGERING if wanted or not exchange.body_complete else CLOSED
        return False

    async def _discard(self, exchange: Exchange) -> bool:
        """Read what the app has left of the body; return False when that is more than the connection is worth."""
        if exchange.intake is None:
            return exchange.body_complete
        self.state = DISCARDING
        limit = exchange.intake.size + DISCARD_LIMIT
        with trio.move_on_after(DISCARD_TIMEOUT):
            while not exchange.body_complete and exchange.intake.size <= limit:
                exchange.body.clear()
                if not (data := await self._receive(exchange)) or self._take(exchange, data) is not None:
                    break
        return exchange.body_complete

    def _feed(self, exchange: Exchange, data: bytes) -> None:
        self._parser.feed(data)

    def _find_fault(self, exchange: Exchange) -> Refusal | None:
        return None if exchange.body_complete else self._parser.refusal

    @property
    def ends_here(self) -> bool:
        """Return True if the response that begins now is the last one on this connection."""
        exchange = self.exchange
        if exchange is not None and exchange.expects_continue and not exchange.body_complete:
            return True
        # The client could not know: the requests that it had sent before are answered as well.
        return self.drain is not OPEN and not self._parser.queue and not self.wire.ahead

    def wake(self, ended: bool) -> None:
        """Take note of bytes that have come; where the task is kept by an app after its answer, another one goes on."""
        self.wire.wake(ended)
        if self._parked:
            self._parked = False
            self.service.tasks.start(self)
            return
        exchange = self.exchange
        if exchange is None or not (exchange.complete and exchange.body_complete and exchange.keep_alive):
            return
        if self._outliving < OUTLIVING:
            self._outliving += 1
            self.exchange, self.state = None, IDLE
            self.attendant = None
            self.service.tasks.start(self)

    def _leave_behind(self) -> Outcome:
        """End the task of an app that has outlived its answer: the connection is another's by now, or closed."""
        self._outliving -= 1
        if self.service.connections.get(self.wire.fileno()) is self:
            self.wake(False)  # The next request may have waited for that.
        return TAKEN

    # The calls of others, which never block; see Connection.

    def _expire_waiting(self) -> None:
        """A head is late, or the connection idle, which ends as in a drain."""
        if self.state is HEAD:
            self.service.counters.timeouts += 1
            self._parser.refusal = LATE_HEAD
            self.cancel_scope.cancel()
        elif self._resting:
            self.end_linger()
        else:
            self._resting = True
            self._parser.rest()
            rest = self.service.options.keepalive_timeout - REST_AFTER
            self.wire.deadline = self.service.clock.now + max(0, rest)

    def hang_up(self) -> None:
        """The client has closed its side, unless it only looks so."""
        if self.drain is not SHUT:
            super().hang_up()

    def abort(self) -> None:
        """End now, whatever is in flight."""
        if self.attendant is not None:
            super().abort()
            return
        self.wire.abort()
        self.wake(True)

    def release(self) -> None:
        """Let go of the parser as well."""
        super().release()
        self._parser.release()

    def start_drain(self) -> None:
        """Say with the next answer that the connection ends."""
        self.drain = LEAVING

    def end_linger(self) -> None:
        """End when idle, now or after the current request; what the kernel has received is still answered."""
        if self.drain is SHUT:
            return
        self.drain = LAST_CALL
        if self.state is IDLE and not self._parser.queue:
            self._end_reading()

    def _end_reading(self) -> None:
        self.drain = SHUT
        self.wire.end_reading()
