"""The express lane: HTTP/1.1 on llhttp, one task a connection, the app awaited in it (RFC 9112).

    read a head -> run the app -> its response is complete -> read the next head ... -> refuse, hand over, or close

One read of the wire is parsed at a time, so what a client pipelines is bounded by it; answers leave in the order of the
requests, because one task gives them. A slow app reads slowly, and so slows its client.
"""

import logging
from collections.abc import Mapping
from math import inf

import trio

from trio_worker.asgi import Handle
from trio_worker.connections import Connection
from trio_worker.exchange import Exchange
from trio_worker.protocols.http1_parser import RequestParser
from trio_worker.protocols.http1_rules import Refusal, too_large
from trio_worker.protocols.hypercorn import HypercornConnection
from trio_worker.response_head import SERVER_LINE, date_line, status_line
from trio_worker.service import Service
from trio_worker.wire import Wire

log = logging.getLogger(__name__)

# Seconds that a client has to close its side after we have closed ours (RFC 9112 section 9.6).
LINGERING_CLOSE = 2.0

# Seconds between telling an app of a disconnect that it waits for and cancelling it.
DISCONNECT_GRACE = 1.0

# What of a body that the app has left unread is read to keep the connection: bytes, and seconds to wait for them.
DISCARD_LIMIT = 262144
DISCARD_TIMEOUT = 2.0


class Http1Connection(Connection):
    """A connection that speaks plain HTTP/1.1.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
    """

    __slots__ = ("_body_size", "_current", "_gone", "_last_call", "_linger", "_parser", "_reading", "handle", "service")

    may_chunk = True

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.handle = Handle(self.cancel_scope)
        self._parser = RequestParser(self)
        self._current: Exchange | None = None
        self._body_size = 0
        # Whether the task waits for more of a body: then it sees a disconnect by itself.
        self._reading = False
        self._gone = False
        # Set when idle connections are ended: what is here already is answered, then this one ends.
        self._last_call = False
        # Whether the client may still be sending when we close.
        self._linger = False

    async def serve(self) -> Connection | None:
        """Serve requests until one side ends it; an upgrade goes on in Hypercorn."""
        with self.cancel_scope:
            await self._serve_requests()
        upgrade, refusal = self._parser.upgrade, self._parser.refusal
        if upgrade is not None and not self.cancel_scope.cancelled_caught:
            self.wire.unread(upgrade)
            return HypercornConnection(self.service, self.wire, http2=False)
        self.wire.deadline = inf
        with trio.move_on_after(LINGERING_CLOSE) as self.cancel_scope:
            if refusal is not None and not self.handle.begun:
                await self._refuse(refusal)
            if self._linger:
                await self.wire.end_writing()
                while await self.wire.receive():
                    pass
        return None

    async def _serve_requests(self) -> None:
        queue = self._parser.queue
        while queue or await self._read_head():
            if not await self._respond(queue.pop(0)):
                return
            # A client that pipelines without pause must not keep the others waiting.
            await trio.lowlevel.checkpoint()

    async def _read_head(self) -> bool:
        """Wait for a request; False when none will come."""
        wire, parser, options = self.wire, self._parser, self.service.options
        self.handle.begun = False
        if not parser.in_head:
            wire.deadline = self.service.clock.now + options.keepalive_timeout
        while not parser.queue:
            if self._last_call:
                wire.end_reading()
            if parser.stopped or not (data := await wire.receive()):
                return False
            if not parser.in_head:
                wire.deadline = self.service.clock.now + options.header_timeout
            parser.feed(data)
        wire.deadline = inf
        return True

    async def _respond(self, exchange: Exchange) -> bool:
        """Run the app for one request; False when the connection ends with it."""
        self._current = exchange
        self._body_size = sum(map(len, exchange.body))
        self.handle.begun = False
        self.handle.body_ready = exchange.body_complete
        await self.service.application(exchange.scope(), exchange.receive, exchange.send)
        goes_on = await self._finish(exchange)
        self._current = None
        return goes_on

    async def _finish(self, exchange: Exchange) -> bool:
        if not exchange.complete:
            if not self._gone:
                log.error("the app ended before its response to %s was complete", exchange.target.decode())
            return False
        if exchange.body_complete:
            self._linger = not exchange.keep_alive and self.closing
            return exchange.keep_alive
        self._linger = True
        return exchange.keep_alive and await self._discard(exchange)

    async def _discard(self, exchange: Exchange) -> bool:
        """Read what the app has left of the body; False when that is more than the connection is worth."""
        self._body_size = 0
        with trio.move_on_after(DISCARD_TIMEOUT):
            while not exchange.body_complete and not self._gone and self._body_size <= DISCARD_LIMIT:
                exchange.body.clear()
                await self.read_body()
        self._linger = not exchange.body_complete
        return exchange.body_complete

    async def read_body(self) -> None:
        """Read the wire once for the current request."""
        exchange = self._current
        assert exchange is not None
        if self._parser.refusal is not None:
            await self._give_up(self._parser.refusal)
        data = await self._receive_body()
        if not data:
            self._gone = True
            exchange.disconnect()
            self.wire.deadline = self.service.clock.now + DISCONNECT_GRACE
            return
        self._parser.feed(data)
        await self._check_body(exchange)

    async def _receive_body(self) -> bytes:
        self.wire.deadline = self.service.clock.now + self.service.options.body_timeout
        self._reading = True
        try:
            return await self.wire.receive()
        except OSError:
            return b""
        finally:
            self._reading = False
            self.wire.deadline = inf

    async def _check_body(self, exchange: Exchange) -> None:
        self._body_size += sum(map(len, exchange.body))
        limit = self.service.options.limit_post
        if limit and self._body_size > limit:
            await self._give_up(too_large(limit))
        if self._parser.refusal is not None and not exchange.body_complete:
            await self._give_up(self._parser.refusal)

    async def _give_up(self, refusal: Refusal) -> None:
        """End the current request from within its own `receive`: the app is cancelled there."""
        self._linger = True
        self.handle.cancel(refusal.status)
        await trio.lowlevel.checkpoint()

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer what no app has seen."""
        self._linger = True
        self.service.counters.add_refusal(refusal.status)
        log.info("refused a request from %s: %d %s", self.wire.client, refusal.status, refusal.reason)
        body = f"{refusal.reason}\n".encode()
        await self.wire.send(
            b"%bcontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n%b\r\n%b"
            % (status_line(refusal.status), len(body), self.own_lines({}), body)
        )

    @property
    def closing(self) -> bool:
        """Whether the response that begins now is the last one on this connection."""
        current = self._current
        unread = current is not None and current.expects_continue
        return unread or self._last_call or self.service.draining.is_set()

    def own_lines(self, given: Mapping[bytes, bytes]) -> bytes:
        """The `date` and `server` headers, where the app has not set them."""
        options = self.service.options
        date = date_line() if options.date_header and b"date" not in given else b""
        return date + SERVER_LINE if options.server_header and b"server" not in given else date

    # What others tell the connection; see Connection.

    def expire(self) -> None:
        """A write that stalls, a body or a head that does not come, or an idle connection."""
        self.wire.deadline = inf
        if self.wire.stalled:
            self.service.counters.timeouts += 1
            self.abort()
        elif self._gone:
            self.handle.cancel()
        elif self._current is not None:
            self._time_out()
            self.handle.cancel(408)
        elif self._parser.in_head:
            self._time_out()
            self._parser.refusal = Refusal(408, "the head of the request took too long to arrive")
            self.cancel_scope.cancel()
        else:
            self.end_linger()

    def _time_out(self) -> None:
        self._linger = True
        self.service.counters.timeouts += 1

    def hang_up(self) -> None:
        """Tell the app if it waits for that, else cancel it; after its answer it is left alone."""
        exchange = self._current
        if exchange is None or self._last_call or self._reading or exchange.complete:
            return
        self._gone = self.handle.gone = True
        if exchange.waiting:
            exchange.disconnect()
            self.wire.deadline = self.service.clock.now + DISCONNECT_GRACE
        else:
            self.handle.cancel()

    def end_linger(self) -> None:
        """End when idle, now or after the current request; what the kernel has received is still answered."""
        self._last_call = True
        if self._current is None:
            self.wire.end_reading()
