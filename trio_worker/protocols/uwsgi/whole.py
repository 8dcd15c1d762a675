"""A packet that came whole and has a plain request in it, with no body, as most have: read, run and closed in one go.

Behind a front that opens a connection for each request, all that a connection costs is paid for every request. So what
has to be kept of one that waits for something is not made before it does: a task of its own, a place among the open
connections, the watch over its client.

    accept -> read -> the request, read from the packet -> run the app among others in one task -> close
                                                           it waits: be an open connection from here on
"""

import contextlib
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import trio

from trio_worker.asgi import RUNNING, Headers
from trio_worker.host import known_hosts
from trio_worker.http.exchange import ASGI, EXTENSIONS
from trio_worker.http.response import LEAVING
from trio_worker.http.service import Service
from trio_worker.master.access_log.format import printable
from trio_worker.protocols.request_connection import RUNNING as APP_RUNS
from trio_worker.protocols.rules import METHODS
from trio_worker.protocols.uwsgi.connection import UwsgiConnection
from trio_worker.protocols.uwsgi.exchange import PacketExchange
from trio_worker.protocols.uwsgi.packet import REQUEST, PacketError, RequestError, known_names, split_packet
from trio_worker.protocols.uwsgi.request import PacketRequest
from trio_worker.protocols.uwsgi.sender import VERSIONS
from trio_worker.transport.socket_wire import SocketWire
from trio_worker.transport.wire import Address

log = logging.getLogger(__name__)

# Method, target, its path, that decoded, query, headers, version, scheme, the addresses of both ends, and the variables
# that have no place in an ASGI scope.
Plain = tuple[str, bytes, bytes, str, bytes, Headers, str, str, tuple[str, int] | None, Address | None, dict[str, str]]


def split_plain(data: bytes, limit: int) -> Plain | None:
    """Return the request of a packet that came whole and alone, if it has no body and is no WebSocket's.

    Args:
        data: what has come.
        limit: of the block, in bytes.
    """
    try:
        packet = split_packet(data, limit)
        if packet is None or packet[0][0] != REQUEST or packet[2]:
            return None
        request = PacketRequest(packet[1])
    except (PacketError, RequestError):
        return None  # The other reader refuses it.
    if request.length != 0 or request.root_path or request.wants_websocket:
        return None
    return (
        request.method,
        request.target,
        request.raw_path,
        request.path,
        request.query,
        request.headers,
        request.version,
        request.scheme,
        request.client,
        request.server,
        request.others,
    )


try:
    from trio_worker.protocols._packets import read_packet
except ImportError:

    def read_packet(
        data: bytes,
        limit: int,
        known: Mapping[bytes, bytes | str],
        methods: Mapping[bytes, str],
        versions: Mapping[bytes, str],
        hosts: Mapping[bytes, bool],
        /,
    ) -> Plain | None:
        """Do the same in Python, where the C code could not be compiled."""
        return split_plain(data, limit)


def take_whole(service: Service, wire: SocketWire) -> "WholePacket | None":
    """Return the packet of a connection that was just accepted; None leaves what has come to others.

    Args:
        service: the worker's.
        wire: of the connection.
    """
    with contextlib.suppress(OSError):
        data = wire.receive_now()
        if data:
            options = service.options
            if not data[0] and (wire.client is None or wire.client in options.uwsgi_allow):
                plain = read_packet(data, options.buffer_size, known_names, METHODS, VERSIONS, known_hosts)
                if plain is not None:
                    service.counters.connections += 1
                    return WholePacket(service, wire, plain)
            wire.unread(data)
    return None


class PlainExchange(PacketExchange):
    """The exchange of a plain request.

    Args:
        connection: the packet's.
        plain: the request.
    """

    keep_alive = False
    body_complete = body_ready = True
    head_is_whole = True

    def __init__(self, connection: "WholePacket", plain: Plain) -> None:
        # The work of the base classes, in one step: this is done for every request.
        self.connection = connection
        self.service = connection.service
        self.wire = connection.wire
        self.method, self.target, self.version, self.headers = plain[0], plain[1], plain[6], plain[5]
        self.body = []
        self.plain = plain

    def begin(self, cancel_scope: trio.CancelScope) -> None:
        """Make the scope; the app is about to be called within this cancel scope."""
        self.cancel_scope = cancel_scope
        method, _, raw_path, path, query, headers, version, scheme, client, server, others = self.plain
        self.scope = {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "method": method,
            "scheme": scheme,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": client,
            "server": server or self.wire.server,
            "state": self.service.state.copy(),
            "extensions": {**EXTENSIONS, "uwsgi": others, RUNNING: self},
        }


class WholePacket(UwsgiConnection):
    """The connection of such a packet, and its request as one of those that a task runs (`http.service.Stream`).

    Args:
        service: the worker's.
        wire: the connection.
        plain: the request.
    """

    __slots__ = ("_is_open",)

    def __init__(self, service: Service, wire: SocketWire, plain: Plain) -> None:
        # As in the exchange.
        self.wire = wire
        self.service = service
        self.state, self.drain = APP_RUNS, LEAVING
        self._hung_up = self._slowly = self._timed_out = self._is_open = False
        self.exchange = PlainExchange(self, plain)

    def run(self, cancel_scope: trio.CancelScope) -> Coroutine[Any, Any, None]:
        """Return the run of the app."""
        self.cancel_scope = cancel_scope
        exchange = self.exchange
        assert exchange is not None
        exchange.begin(cancel_scope)
        return self.service.application.run(exchange)

    def wait(self) -> None:
        """Be an open connection like any other, as the app waits for something."""
        service, descriptor = self.service, self.wire.fileno()
        self._is_open = True
        service.connections.add(descriptor, self)
        service.readiness.watch(descriptor)

    def finish(self) -> None:
        """Close the connection."""
        exchange, service, wire = self.exchange, self.service, self.wire
        assert exchange is not None
        self.exchange = None  # It knows its connection.
        if not (exchange.complete or exchange.gone or exchange.failed or self._hung_up):
            log.error("the app ended before its response to %s was complete", printable(exchange.scope["path"]))
        if self._is_open:
            descriptor = wire.fileno()
            service.readiness.forget(descriptor)
            service.connections.discard(descriptor)
        else:
            service.connections.closed()
        wire.close()
