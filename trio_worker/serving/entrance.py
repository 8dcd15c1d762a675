"""The first bytes of a connection decide its protocol.

The bytes are read and given back to the wire, not peeked at: a client that sends a lone `P` and then waits would make a
peek return at once for ever.
"""

import logging
import ssl

import trio

from trio_worker.http.service import Service
from trio_worker.protocols.http1.connection import Http1Connection
from trio_worker.protocols.hypercorn.connection import HypercornConnection
from trio_worker.protocols.uwsgi.connection import UwsgiConnection
from trio_worker.protocols.uwsgi.packet import PING_HEADER
from trio_worker.serving.proxy_header import ProxyError, may_begin
from trio_worker.serving.proxy_header import parse as parse_proxy
from trio_worker.transport.connections import CLOSE, Connection, Outcome
from trio_worker.transport.tls import TlsWire
from trio_worker.transport.wire import Wire

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

    __slots__ = ("_first", "_hung_up", "_service")

    def __init__(self, service: Service, wire: Wire, first: bytes) -> None:
        super().__init__(wire)
        self._service = service
        self._first = first
        self._hung_up = False

    async def serve(self) -> Connection | Outcome:
        """Read the first bytes and return the connection in its protocol, where there is one."""
        self.wire.deadline = trio.current_time() + self._service.options.header_timeout
        try:
            found = await self._find_protocol()
            if found is not None and self._hung_up:
                found.hang_up()  # It is told only once.
            return found or CLOSE
        except ProxyError as error:
            log.warning("closed the connection of %s: its PROXY header is refused: %s", self.wire.client, error)
        except ssl.SSLError as error:
            log.info("no TLS with %s: %s", self.wire.client, error.reason or error)
        return CLOSE

    def hang_up(self) -> None:
        """Remember it for the protocol that is found."""
        self._hung_up = True

    async def _find_protocol(self) -> Connection | None:
        service = self._service
        if service.options.enable_proxy_protocol:
            await self._take_proxy_header()
        await self._read_until_decided()
        certificates = service.tls.find(self.wire.server) if self._first[:1] == TLS_RECORD else None
        if certificates is not None:
            self.wire.unread(self._first)
            self.wire = tls = TlsWire(self.wire, certificates)
            await tls.handshake()
            self._first = b""
            await self._read_until_decided()
        elif self._first and service.tls.is_required(self.wire.server):
            log.info("closed the connection of %s: it is no TLS, and this is an https-socket", self.wire.client)
            return None
        return choose(service, self.wire, self._first) if self._first else None

    async def _read_until_decided(self) -> None:
        while is_undecided(self._first) and (more := await self.wire.receive()):
            self._first += more

    async def _take_proxy_header(self) -> None:
        """Take the names that a PROXY header gives to both ends, where there is one.

        Raises:
            ProxyError: it is not valid, or the peer may not say it.
        """
        wire, header = self.wire, None
        while header is None:
            if not may_begin(self._first):
                return
            header = parse_proxy(self._first)
            if header is None:
                if not (more := await wire.receive()):
                    return
                self._first += more
        if wire.client not in self._service.options.proxy_allow:
            raise ProxyError("its sender is not in trio-proxy-allow")
        self._first = self._first[header.size :]
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
    is_packet = first[0] in UWSGI_MODIFIERS or first.startswith(PING_HEADER)
    if is_packet and not isinstance(wire, TlsWire):
        return UwsgiConnection(service, wire)
    http2 = first.startswith(HTTP2_PREFACE)
    if http2 or service.options.http1 == "hypercorn":
        return HypercornConnection(service, wire, http2)
    return Http1Connection(service, wire)


def begin(service: Service, wire: Wire) -> Connection:
    """The connection in its protocol already where the first bytes are here and have no layer around them."""
    first = wire.receive_now() or b""
    short = len(first) < len(HTTP2_PREFACE)
    if (short and is_undecided(first)) or service.tls or service.options.enable_proxy_protocol:
        return Arrival(service, wire, first)
    return choose(service, wire, first)
