"""The first bytes of a connection decide its protocol; and the fence around whatever it then does.

The bytes are read and given back to the wire, not peeked at: a client that sends a lone `P` and then waits would make a
peek return at once for ever.
"""

import logging

import trio

from trio_worker.connections import Connection
from trio_worker.protocols.http1 import Http1Connection
from trio_worker.protocols.hypercorn import HypercornConnection
from trio_worker.service import Service
from trio_worker.wire import Wire

log = logging.getLogger(__name__)

# RFC 9113 section 3.4.
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Arrival(Connection):
    """A connection whose protocol is not known yet."""

    __slots__ = ("_service",)

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self._service = service

    async def serve(self) -> Connection | None:
        """Read the first bytes and return the connection in its protocol, None where nothing came."""
        self.wire.deadline = trio.current_time() + self._service.options.header_timeout
        with self.cancel_scope:
            first = await self.wire.receive()
            while first and len(first) < len(HTTP2_PREFACE) and HTTP2_PREFACE.startswith(first):
                more = await self.wire.receive()
                if not more:
                    break
                first += more
            if first:
                self.wire.unread(first)
                return choose(self._service, self.wire, first)
        return None


def choose(service: Service, wire: Wire, first: bytes) -> Connection:
    """The connection for what begins with these bytes."""
    http2 = first.startswith(HTTP2_PREFACE)
    if http2 or service.options.http1 == "hypercorn":
        return HypercornConnection(service, wire, http2)
    return Http1Connection(service, wire)


async def welcome(service: Service, wire: Wire) -> None:
    """Serve one client's connection from its first byte to its close. Whatever it does, only this connection ends."""
    descriptor = wire.fileno()
    service.counters.connections += 1
    service.disconnects.watch(descriptor)
    connection: Connection | None = Arrival(service, wire)
    try:
        while connection is not None:
            service.connections.add(descriptor, connection)
            connection = await connection.serve()
    except (OSError, trio.BrokenResourceError):
        pass  # The client went away.
    except Exception:
        log.exception("a connection from %s ended by an error", wire.client)
    except BaseExceptionGroup as group:
        _report(group, wire)
    finally:
        service.disconnects.forget(descriptor)
        service.connections.discard(descriptor)
        wire.close()


def _report(group: BaseExceptionGroup[BaseException], wire: Wire) -> None:
    """Log the errors of a connection's tasks once; let a cancellation and what is no Exception go on."""
    ordinary, rest = group.split(lambda error: isinstance(error, Exception))
    _, faults = (None, None) if ordinary is None else ordinary.split((OSError, trio.BrokenResourceError))
    if faults is not None:
        log.error("a connection from %s ended by an error", wire.client, exc_info=faults)
    if rest is not None:
        raise rest
