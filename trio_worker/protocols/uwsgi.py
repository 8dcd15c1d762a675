"""Requests in uwsgi packets, as nginx's uwsgi_pass and uWSGI's own routers send them; one request a connection.

    read the packet -> run the app -> close            a request (modifier1 0)
                    -> Hypercorn                       a WebSocket through the http router's raw mode
                    -> pong -> close                   a ping (modifier1 100)

The answer is HTTP/1 without chunks and without a word on the connection: what goes on between the front and its client
is the front's to say.
"""

import logging
from math import inf

import trio

from trio_worker.asgi import Handle
from trio_worker.connections import Connection
from trio_worker.log_format import printable
from trio_worker.protocols.http1_intake import Intake
from trio_worker.protocols.http1_rules import Refusal, too_large
from trio_worker.protocols.hypercorn import HypercornConnection
from trio_worker.protocols.uwsgi_exchange import PacketExchange
from trio_worker.protocols.uwsgi_packet import (
    HEADER_SIZE,
    PING,
    PONG,
    REQUEST,
    PacketError,
    PacketRequest,
    RequestError,
    parse_header,
)
from trio_worker.response_head import SERVER_LINE, Prepared, date_line, prepare
from trio_worker.service import Service
from trio_worker.wire import Wire

log = logging.getLogger(__name__)

# Seconds that a front has to close its side after we have closed ours, when it may still be sending a body.
LINGERING_CLOSE = 2.0

# Seconds between telling an app of a disconnect that it waits for and cancelling it.
DISCONNECT_GRACE = 1.0


class UwsgiConnection(Connection):
    """A connection that begins with a uwsgi packet.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
    """

    __slots__ = (
        "_current",
        "_gone",
        "_hung_up",
        "_intake",
        "_linger",
        "_reading",
        "_timed_out",
        "counters",
        "handle",
        "service",
    )

    may_chunk = False
    closing = True

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.counters = service.counters
        self.handle = Handle(self.cancel_scope)
        self._current: PacketExchange | None = None
        self._intake: Intake | None = None
        # Whether the task waits for more of a body: then it sees a disconnect by itself.
        self._reading = False
        # The front has closed its side, which is told once; with that, the request has lost its client.
        self._hung_up = False
        self._gone = False
        self._timed_out = False
        # Whether the front may still be sending when we close.
        self._linger = False

    async def serve(self) -> Connection | None:
        """Serve the packet; a WebSocket goes on in Hypercorn. What is no valid packet gets a closed connection."""
        onward = None
        try:
            with self.cancel_scope:
                onward = await self._serve_packet()
        except PacketError as error:
            log.warning("closed the connection of %s: its uwsgi packet is refused: %s", self._peer, error)
        if self._timed_out:
            log.warning("closed the connection of %s: its uwsgi packet took too long to arrive", self._peer)
        if self._linger:
            await self._wait_for_close()
        return onward

    @property
    def _peer(self) -> str:
        client = self.wire.client
        return "a UNIX socket's peer" if client is None else f"{client[0]}:{client[1]}"

    async def _serve_packet(self) -> Connection | None:
        if self.wire.client is not None and self.wire.client not in self.service.options.uwsgi_allow:
            raise PacketError("its sender is not in trio-uwsgi-allow")
        block, rest = await self._read_packet()
        self.wire.deadline = inf
        if block is None:
            await self.wire.send(PONG)
            return None
        try:
            request = PacketRequest(block)
        except RequestError as error:
            await self._refuse(Refusal(400, str(error)))
            return None
        self._take_names(request)
        if request.wants_websocket:
            self.wire.unread(request.replay() + rest)
            return HypercornConnection(self.service, self.wire, http2=False)
        await self._respond(PacketExchange(self, request), rest)
        return None

    async def _read_packet(self) -> tuple[bytes | None, bytes]:
        """The block of the packet, None for a ping, and what came behind it.

        Raises:
            PacketError: it is neither a request nor a ping, too large, or not complete.
        """
        data = await self.wire.receive()
        while len(data) < HEADER_SIZE:
            data += await self._more()
        modifier1, size, _ = parse_header(data)
        if modifier1 not in (REQUEST, PING):
            raise PacketError(f"modifier1 {modifier1} is not served here, but {REQUEST} (requests) and {PING} (ping)")
        limit = self.service.options.buffer_size
        if size > limit:
            raise PacketError(f"its block has {size} bytes, buffer-size allows {limit}")
        end = HEADER_SIZE + size
        while len(data) < end:
            data += await self._more()
        return None if modifier1 == PING else data[HEADER_SIZE:end], data[end:]

    async def _more(self) -> bytes:
        wire = self.wire
        wire.deadline = min(wire.deadline, trio.current_time() + self.service.options.header_timeout)
        data = await wire.receive()
        if not data:
            raise PacketError("it ended before it was complete")
        return data

    def _take_names(self, request: PacketRequest) -> None:
        """From here on the wire has the names that the front gives to both ends of its client's connection."""
        wire = self.wire
        wire.client = request.client
        if (server := request.server) is not None:
            wire.server = server
        wire.scheme = request.scheme
        wire.root_path = request.root_path
        wire.extensions = {"uwsgi": request.others}

    async def _respond(self, exchange: PacketExchange, rest: bytes) -> None:
        """Run the app for the request."""
        if not exchange.body_complete and (refusal := self._take_in(exchange, rest)) is not None:
            await self._refuse(refusal)
            return
        self._current = exchange
        self.handle.body_ready = exchange.body_complete
        if self._hung_up:
            self._gone = True
            self.handle.cancel()  # What needs no waiting is still answered.
        try:
            await self.service.application(exchange.scope(), exchange.receive, exchange.send)
        finally:
            self._current = None
            # In raw mode a client may send on behind its body.
            self._linger = not exchange.body_complete or exchange.request.length is None
        if not (exchange.complete or self._gone or self.handle.gone):
            log.error("the app ended before its response to %s was complete", printable(exchange.request.path))

    def _take_in(self, exchange: PacketExchange, rest: bytes) -> Refusal | None:
        """Begin the account of a body with what has come together with the packet; the refusal of a large one."""
        limit = self.service.options.limit_post
        if limit and (exchange.request.length or 0) > limit:
            return too_large(limit)
        self._intake = Intake(limit)
        if rest:
            exchange.feed(rest)
        return self._intake.add(exchange, len(rest))

    async def read_body(self) -> None:
        """Read the wire once for the request."""
        exchange, intake = self._current, self._intake
        assert exchange is not None
        assert intake is not None
        if exchange.malformed:
            await self._give_up(exchange, 400)
            return
        await intake.pause()
        data = await self._receive_body()
        if not data:
            self._gone = True
            self.handle.gone = not exchange.complete
            exchange.disconnect()
            self.wire.deadline = self.service.clock.now + DISCONNECT_GRACE
            return
        exchange.feed(data)
        refusal = intake.add(exchange, len(data))
        if refusal is not None:
            await self._give_up(exchange, refusal.status)
        elif self._hung_up and exchange.body_complete:
            self._lose(exchange)

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

    async def _give_up(self, exchange: PacketExchange, status: int) -> None:
        """End the current request from within its own `receive`: the app is cancelled there."""
        exchange.disconnect()  # For an app that shields itself from that.
        self.handle.cancel(status)
        await trio.lowlevel.checkpoint()

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer what no app has seen."""
        self._linger = True
        self.service.counters.add_refusal(refusal.status)
        log.info("refused a request from %s: %d %s", self.wire.client, refusal.status, refusal.reason)
        body = f"{refusal.reason}\n".encode()
        length = b"%d" % len(body)
        head = prepare(refusal.status, [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", length)])
        await self.wire.send(b"%b%b\r\n%b" % (head.lines, self.own_lines(head), body))

    async def _wait_for_close(self) -> None:
        """A close with unread data would reach the front before the answer does (RFC 9112 section 9.6)."""
        self.wire.deadline = inf
        with trio.move_on_after(LINGERING_CLOSE) as self.cancel_scope:
            await self.wire.end_writing()
            while await self.wire.receive():
                # A front that sends without pause must not keep the others waiting.
                await trio.lowlevel.checkpoint()

    def own_lines(self, head: Prepared) -> bytes:
        """The `date` and `server` headers, where the app has not set them."""
        options = self.service.options
        date = date_line() if options.date_header and not head.has_date else b""
        return date + SERVER_LINE if options.server_header and not head.has_server else date

    # What others tell the connection; see Connection.

    def expire(self) -> None:
        """A write that stalls, or a packet or a body that does not come."""
        self.wire.deadline = inf
        if self.wire.stalled:
            self.service.counters.timeouts += 1
            self.abort()
        elif self._gone:
            self.handle.cancel()
        elif self._current is not None:
            self.service.counters.timeouts += 1
            self.handle.cancel(408)
        else:
            self.service.counters.timeouts += 1
            self._timed_out = True
            self.cancel_scope.cancel()

    def hang_up(self) -> None:
        """Tell the app if it waits for that, else cancel it; after its answer it is left alone."""
        self._hung_up = True
        exchange = self._current
        if exchange is not None and not self._reading and not exchange.complete:
            self._lose(exchange)

    def _lose(self, exchange: PacketExchange) -> None:
        """The request has lost its client."""
        self._gone = self.handle.gone = True
        if exchange.waiting:
            exchange.disconnect()
            self.wire.deadline = self.service.clock.now + DISCONNECT_GRACE
        else:
            self.handle.cancel()

    def end_linger(self) -> None:
        """A packet has begun, and a request is the last one here anyway: it is waited for until its own deadline."""
