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

from trio_worker.http.intake import Intake
from trio_worker.http.service import Service
from trio_worker.master.access_log.format import printable
from trio_worker.protocols.hypercorn.connection import HypercornConnection
from trio_worker.protocols.request_connection import RequestConnection
from trio_worker.protocols.uwsgi.exchange import PacketExchange
from trio_worker.protocols.uwsgi.packet import (
    HEADER_SIZE,
    PING,
    PONG,
    REQUEST,
    PacketError,
    RequestError,
    parse_header,
)
from trio_worker.protocols.uwsgi.request import Reader
from trio_worker.protocols.uwsgi.sender import Sender
from trio_worker.refusal import Refusal, too_large
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# The refusal of a body in chunks that cannot be read.
MALFORMED = Refusal(400, "the chunks of the body cannot be read (RFC 9112 section 7.1)")

# One for all connections of the worker: to a front's client, each of its requests is a connection here.
_reader = Reader()


class UwsgiConnection(RequestConnection[PacketExchange]):
    """A connection that begins with a uwsgi packet.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
    """

    __slots__ = ("_timed_out",)

    may_chunk = False
    closing = True

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(service, wire)
        # Whether the packet has not come in its time.
        self._timed_out = False

    async def serve(self) -> Connection | None:
        """Serve the packet; a WebSocket goes on in Hypercorn. What is no valid packet gets a closed connection."""
        try:
            return await self._serve_packet()
        except PacketError as error:
            log.warning("closed the connection of %s: its uwsgi packet is refused: %s", self._peer, error)
            return None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do when `serve` has returned."""
        return not self._linger

    async def step_outside(self) -> bool:
        """Say what is left to say; False."""
        if self._timed_out:
            log.warning("closed the connection of %s: its uwsgi packet took too long to arrive", self._peer)
        if self._linger:
            await self._part()
        return False

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
            request = _reader.read(block)
        except RequestError as error:
            await self._refuse(Refusal(400, str(error)))
            return None
        self._take_names(request.sender)
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
        data = self.wire.receive_now()
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

    def _take_names(self, sender: Sender) -> None:
        """From here on the wire has the names that the front gives to both ends of its client's connection."""
        wire = self.wire
        wire.client = sender.client
        if sender.server is not None:
            wire.server = sender.server
        wire.scheme = sender.scheme
        if sender.root_path:
            wire.root_path = sender.root_path.decode("utf-8", "replace")
        wire.extensions = {"uwsgi": sender.others.copy()}

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
            self._linger = not exchange.body_complete or exchange.request.asked.length is None
        if not (exchange.complete or self._gone or self.handle.gone):
            log.error("the app ended before its response to %s was complete", printable(exchange.request.asked.path))

    def _take_in(self, exchange: PacketExchange, rest: bytes) -> Refusal | None:
        """Begin the account of a body with what has come together with the packet; the refusal of a large one."""
        limit = self.service.options.limit_post
        if limit and (exchange.request.asked.length or 0) > limit:
            return too_large(limit)
        self._intake = Intake(limit)
        if rest:
            exchange.feed(rest)
        return self._intake.add(exchange, len(rest))

    def _feed(self, exchange: PacketExchange, data: bytes) -> None:
        exchange.feed(data)

    def _find_fault(self, exchange: PacketExchange) -> Refusal | None:
        # What came before the fault goes to the app first.
        return MALFORMED if exchange.malformed and not exchange.body else None

    # What others tell the connection; see Connection.

    def _expire_head(self) -> None:
        self.counters.timeouts += 1
        self._timed_out = True
        self.cancel_scope.cancel()

    def end_linger(self) -> None:
        """A packet has begun, and a request is the last one here anyway: it is waited for until its own deadline."""
