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

from trio_worker.asgi import Headers
from trio_worker.http.intake import make_intake
from trio_worker.http.response import LEAVING
from trio_worker.http.service import Service
from trio_worker.master.access_log.format import printable
from trio_worker.protocols.request_connection import CLOSED, HEAD, LINGERING, RUNNING, RequestConnection
from trio_worker.protocols.uwsgi.exchange import PacketExchange
from trio_worker.protocols.uwsgi.packet import PING, PONG, PacketError, RequestError, split_packet
from trio_worker.protocols.uwsgi.request import PacketRequest
from trio_worker.protocols.websocket.connection import WebSocketConnection
from trio_worker.refusal import NO_WEBSOCKETS, Refusal, too_large
from trio_worker.transport.connections import CLOSE, OUTSIDE, Connection, Outcome
from trio_worker.transport.wire import Address, Wire

log = logging.getLogger(__name__)

# The refusal of a body in chunks that cannot be read.
MALFORMED = Refusal(400, "The chunks of the body cannot be read (RFC 9112 section 7.1).")


class UwsgiConnection(RequestConnection[PacketExchange]):
    """A connection that begins with a uwsgi packet.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
    """

    __slots__ = ("_timed_out",)

    ends_here = True

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(service, wire)
        self.state, self.drain = HEAD, LEAVING
        # True if the packet has not come in its time.
        self._timed_out = False

    async def serve(self) -> Connection | Outcome | None:
        """Serve the packet, or close what is no valid one; a WebSocket goes on in another protocol."""
        try:
            following = await self._serve_packet()
        except PacketError as error:
            log.warning("closed the connection of %s: its uwsgi packet is refused: %s", self._peer, error)
            return CLOSE
        return following or (OUTSIDE if self._lingers else CLOSE)

    async def step_outside(self) -> Outcome:
        """Say what is left to say."""
        if self._timed_out:
            log.warning("closed the connection of %s: its uwsgi packet took too long to arrive", self._peer)
        await self._settle()
        if self.state is LINGERING or (self.exchange is not None and self._may_send_on(self.exchange)):
            await self._part()
        return CLOSE

    @property
    def server(self) -> Address | None:
        """The address that the front's client has connected to, as the front says."""
        return self.wire.server

    @property
    def _peer(self) -> str:
        client = self.wire.client
        return "a UNIX socket's peer" if client is None else f"{client[0]}:{client[1]}"

    async def _serve_packet(self) -> Connection | None:
        if self.wire.client is not None and self.wire.client not in self.service.options.uwsgi_allow:
            raise PacketError("its sender is not in trio-uwsgi-allow")
        data, limit = self.wire.receive_now() or b"", self.service.options.buffer_size
        while (packet := split_packet(data, limit)) is None:
            data += await self._more()
        header, block, rest = packet
        self.wire.deadline = inf
        if header[0] == PING:
            await self.wire.send(PONG)
            return None
        try:
            request = PacketRequest(block)
        except RequestError as error:
            await self._refuse_packet(error.refusal, [])
            return None
        self._take_names(request)
        if request.wants_websocket and not self.service.websockets:
            await self._refuse_packet(NO_WEBSOCKETS, request.headers)
            return None
        if request.wants_websocket:
            return WebSocketConnection(self.service, self.wire).ask(PacketExchange(self, request), rest, self._hung_up)
        await self._respond(PacketExchange(self, request), rest)
        return None

    async def _refuse_packet(self, refusal: Refusal, headers: Headers) -> None:
        self.state = LINGERING
        await self._refuse(refusal, headers)

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
        if request.server is not None:
            wire.server = request.server
        wire.scheme = request.scheme
        if request.root_path:
            wire.root_path = request.root_path.decode("utf-8", "replace")
        wire.extensions = {"uwsgi": request.others}

    async def _respond(self, exchange: PacketExchange, rest: bytes) -> None:
        """Run the app for the request."""
        if not exchange.body_complete and (refusal := self._take_in(exchange, rest)) is not None:
            await self._refuse_packet(refusal, exchange.headers)
            return
        self.exchange, self.state = exchange, RUNNING
        exchange.begin(self.cancel_scope)
        if self._hung_up:
            exchange.cancel()  # An app that does not wait for anything still answers.
        await self.service.application.run(exchange)
        if not (exchange.complete or exchange.gone or exchange.failed or self._hung_up):
            log.error("the app ended before its response to %s was complete", printable(exchange.request.path))
        self.state = LINGERING if self._may_send_on(exchange) else CLOSED

    def _may_send_on(self, exchange: PacketExchange) -> bool:
        """Return True if the client may still be sending; in raw mode it may do so behind its body."""
        return not exchange.body_complete or exchange.request.length is None

    def _take_in(self, exchange: PacketExchange, rest: bytes) -> Refusal | None:
        """Begin the account of a body with what came behind the packet, and return the refusal of a large one."""
        limit = self.service.options.limit_post
        if limit and (exchange.request.length or 0) > limit:
            return too_large(limit)
        exchange.intake = make_intake(self.service.options)
        return self._take(exchange, rest) if rest else None

    def _feed(self, exchange: PacketExchange, data: bytes) -> None:
        exchange.feed(data)

    def _find_fault(self, exchange: PacketExchange) -> Refusal | None:
        # The part of the body that came before the fault goes to the app first.
        return MALFORMED if exchange.malformed and not exchange.body else None

    # The calls of others, which never block; see Connection.

    def _expire_waiting(self) -> None:
        self.service.counters.timeouts += 1
        self._timed_out = True
        self.cancel_scope.cancel()

    def end_linger(self) -> None:
        """A packet has begun, and a request is the last one here anyway: it is waited for until its own deadline."""
