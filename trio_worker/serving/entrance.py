"""The first bytes of a connection decide its protocol.

Where TLS or a PROXY header may come they are left in the kernel until that is decided, so that each reads its own from
the first byte. All other bytes are read and given back to the wire.
"""

import contextlib
import logging
import ssl
from math import inf

import trio

from trio_worker.http.service import Service
from trio_worker.options.protocols import EVERYTHING, HTTP1, HTTP2, HTTP2_CLEAR, UWSGI
from trio_worker.protocols.http1.connection import Http1Connection
from trio_worker.protocols.http1.refusing import RefusingConnection
from trio_worker.protocols.http2.connection import Http2Connection
from trio_worker.protocols.uwsgi.connection import UwsgiConnection
from trio_worker.protocols.uwsgi.packet import PING_HEADER
from trio_worker.refusal import Refusal
from trio_worker.serving.proxy_header import ProxyError, may_begin
from trio_worker.serving.proxy_header import parse as parse_proxy
from trio_worker.transport.bounds import FIRST_BYTES_GRACE
from trio_worker.transport.connections import CLOSE, OUTSIDE, Connection, Outcome
from trio_worker.transport.socket_wire import SocketWire
from trio_worker.transport.tls import TlsWire
from trio_worker.transport.wire import Address, Wire

log = logging.getLogger(__name__)

# RFC 9113 section 3.4.
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# The first byte of a TLS record with a handshake in it (RFC 8446 section 5.1).
TLS_RECORD = b"\x16"

# The first byte of a uwsgi packet is its modifier1: requests have 0, and what no HTTP begins with is refused as the
# packet that it must be. Line breaks may come before a request in HTTP (RFC 9112 section 2.2).
UWSGI_MODIFIERS = frozenset(range(0x20)) - {*b"\r\n", *TLS_RECORD}


class Arrival(Connection):
    """A connection whose protocol is not known yet, or lies behind a PROXY header or behind TLS.

    Args:
        service: the worker's.
        wire: the connection.
        first: what came of it so far.
    """

    __slots__ = ("_accepted", "_first", "_hung_up", "_looked", "_refused", "_service")

    def __init__(self, service: Service, wire: Wire, first: bytes) -> None:
        super().__init__(wire)
        self._service = service
        self._first = first
        self._hung_up = self._looked = self._refused = False
        self._accepted = trio.current_time()

    async def serve(self) -> Connection | Outcome | None:
        """Read the first bytes and return the connection in its protocol, where there is one."""
        self.wire.deadline = self._accepted + self._service.options.header_timeout
        try:
            found = await self._find_protocol()
            if found is not None:
                if self._hung_up:
                    found.hang_up()  # It is told only once.
                return found
        except ProxyError as error:
            log.warning("closed the connection of %s: its PROXY header is refused: %s", self.wire.client, error)
        except ssl.SSLError as error:
            log.info("no TLS with %s: %s", self.wire.client, error.reason or error)
            self._refused = True
            return OUTSIDE
        with contextlib.suppress(OSError):
            self.wire.receive_now()  # Bytes left in the kernel would make a reset of the close.
        return CLOSE

    async def step_outside(self) -> Outcome:
        """Let the client read why there is no TLS with it."""
        if self._refused:
            self.wire.deadline = inf
            with self._service.lingering.stay() as self.cancel_scope:
                await self._service.lingering.part(self.wire, self.cancel_scope)
        return CLOSE

    def hang_up(self) -> None:
        """Remember it for the protocol that is found."""
        self._hung_up = True

    def expire(self) -> None:
        """End it, unless bytes have come since: who was held up himself is told of these and of the deadline at once.

        What does not become the beginning of a protocol by the next look has come too late.
        """
        if self._looked or not self.wire.has_received():
            self.abort()
        self._looked = True

    def end_linger(self) -> None:
        """Leave it the time for what its client has connected for: a fresh connection that closes is a lost request."""
        self.wire.deadline = min(self.wire.deadline, self._accepted + FIRST_BYTES_GRACE)

    async def _find_protocol(self) -> Connection | None:
        service, socket = self._service, self.wire.server  # A PROXY header names another one, of the front.
        spoken = service.sockets.find(socket) if service.sockets else EVERYTHING
        if not self._first and isinstance(self.wire, SocketWire):
            if service.options.enable_proxy_protocol:
                await self._take_proxy_header(self.wire)
            if not await self._start_tls(self.wire, socket, spoken):
                return None
        while is_undecided(self._first) and (more := await self.wire.receive()):
            self._first += more
        if not self._first:
            return None
        if spoken is EVERYTHING:
            return choose(service, self.wire, self._first)
        return choose_spoken(service.speaking(spoken), self.wire, self._first, spoken)

    async def _start_tls(self, wire: SocketWire, socket: Address | None, spoken: frozenset[str]) -> bool:
        """Put TLS around the connection where it begins; return False where it must begin and does not."""
        tls = self._service.tls
        certificates = tls.find(socket, spoken) if tls else None
        if certificates is None:
            return True
        first = await wire.peek()
        if first[:1] == TLS_RECORD:
            self.wire = secured = TlsWire(wire, certificates)
            await self._service.turns.pause()  # It takes a millisecond, and clients come in tens.
            await secured.handshake()
        elif first and tls.is_required(socket):
            log.info("closed the connection of %s: it is no TLS, which alone is spoken here", wire.client)
            return False
        return bool(first)

    async def _take_proxy_header(self, wire: SocketWire) -> None:
        """Take the names that a PROXY header gives to both ends, where there is one.

        Raises:
            ProxyError: it is not valid, or the peer may not say it.
        """
        first, header = await wire.peek(), None
        while header is None:
            if not may_begin(first):
                return
            header = parse_proxy(first)
            if header is None:
                seen = len(first)
                first = await wire.peek(beyond=seen)
                if len(first) <= seen:
                    return
        if wire.client not in self._service.options.proxy_allow:
            raise ProxyError("its sender is not in trio-proxy-allow")
        wire.skip(header.size)
        if header.speaks_for:
            wire.client, wire.server = header.client, header.server
            wire.scheme = "https" if header.tls else wire.scheme


def is_undecided(first: bytes) -> bool:
    """Return True if several protocols begin with these bytes."""
    if len(first) < len(PING_HEADER) and PING_HEADER.startswith(first):
        return True
    return len(first) < len(HTTP2_PREFACE) and HTTP2_PREFACE.startswith(first)


def choose(service: Service, wire: Wire, first: bytes) -> Connection:
    """The connection for what begins with these bytes, which are given back to the wire."""
    wire.unread(first)
    if _is_packet(wire, first):
        return UwsgiConnection(service, wire)
    if first.startswith(HTTP2_PREFACE):
        return Http2Connection(service, wire)
    return Http1Connection(service, wire)


def _is_packet(wire: Wire, first: bytes) -> bool:
    return (first[0] in UWSGI_MODIFIERS or first.startswith(PING_HEADER)) and not isinstance(wire, TlsWire)


def choose_spoken(service: Service, wire: Wire, first: bytes, spoken: frozenset[str]) -> Connection:
    """The connection that `choose` returns, or one that answers what is left out (`trio-protocols`)."""
    name, status = HTTP1, 505
    if _is_packet(wire, first):
        name, status = UWSGI, 400
    elif first.startswith(HTTP2_PREFACE):
        name = HTTP2 if isinstance(wire, TlsWire) else HTTP2_CLEAR
    if name in spoken:
        return choose(service, wire, first)
    wire.unread(first)
    return RefusingConnection(service, wire, Refusal(status, f"This socket does not speak {name}."))


def begin(service: Service, wire: Wire) -> Connection:
    """The connection in its protocol already where the first bytes are here and have no layer around them."""
    if not service.bare:
        by_hypercorn = service.options.engine == "hypercorn"
        return _by_hypercorn(service, wire) if by_hypercorn else Arrival(service, wire, b"")
    first = wire.receive_now() or b""
    if len(first) < len(HTTP2_PREFACE) and is_undecided(first):
        return Arrival(service, wire, first)
    return choose(service, wire, first)


def _by_hypercorn(service: Service, wire: Wire) -> Connection:
    # Imported where it is used: it would be a quarter of what every worker's start takes.
    from trio_worker.protocols.hypercorn.engine import HypercornConnection

    return HypercornConnection(service, wire, service.hypercorn)
