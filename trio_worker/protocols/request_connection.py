"""One request at a time on a connection: its body read when the app asks, its client lost, its refusal, the close.

    the app asks for more of the body -> read the wire -> it gets what came, or is cancelled for what is wrong with it
    the client hangs up               -> the app is told where it waits for that, and cancelled where it does not
    a refusal, or a body left unread  -> end our side, then wait a little for the client to end its own

HTTP/1.1 and the uwsgi protocol have such connections. How a request begins, what its bytes mean and what comes after it
is theirs.
"""

import contextlib
import enum
import logging
from math import inf
from typing import Generic, TypeVar

import trio

from trio_worker.asgi import Headers
from trio_worker.http.exchange import Exchange
from trio_worker.http.response import OPEN, Drain
from trio_worker.http.response_head import prepare
from trio_worker.http.service import Service
from trio_worker.http.unseen import note
from trio_worker.refusal import LATE_BODY, Refusal, text_headers
from trio_worker.transport.bounds import DISCONNECT_GRACE
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Exchange)

# Bytes that are taken apart at a time of what is no body, or of one in many small chunks, how many chunks are many, and
# how many bytes each of them has where they are small: a request, a field or a chunk of a few bytes costs us some
# microseconds, and a read holds thousands of them.
SLICE, CHUNKS, SMALL = 2048, 64, 64


class State(enum.Enum):
    """The state of a connection. What may happen in each, and what it leads to:

    ============ ================ ================= ==================== =================== ==========
    event        IDLE             HEAD              RUNNING              DISCARDING          LINGERING
    ============ ================ ================= ==================== =================== ==========
    bytes        HEAD or RUNNING  RUNNING, or       given to the app     dropped; IDLE when  dropped
                                  LINGERING (4xx)   when it asks         the body is over
    end of bytes CLOSED           CLOSED            the client has gone  CLOSED              CLOSED
    app done     -                -                 IDLE, DISCARDING,    -                   -
                                                    LINGERING or CLOSED
    deadline     ends as linger   LINGERING (408)   cancelled (408)      LINGERING           CLOSED
                 over
    hang-up      CLOSED           CLOSED            app told, or         CLOSED              CLOSED
                                                    cancelled
    drain        the next answer  as IDLE           as IDLE              as IDLE             -
                 is the last
    linger over  CLOSED, unless   as drain          as drain             as drain            -
                 bytes have come
    destroy      CLOSED           CLOSED            cancelled (503)      CLOSED              CLOSED
    ============ ================ ================= ==================== =================== ==========
    """

    IDLE = "waits for a request"
    HEAD = "a request has begun, its head is not complete"
    RUNNING = "an app runs for a request"
    DISCARDING = "the response is complete, what is left of the request's body is read"
    LINGERING = "our side ends, the client may still be sending"
    CLOSED = "nothing more comes from the client"


# A member of an Enum costs a call of Python code each time on Python 3.11; these names cost nothing.
IDLE, HEAD, RUNNING, DISCARDING, LINGERING, CLOSED = State


class RequestConnection(Connection, Generic[E]):
    """A connection that has at most one request running, of the kind of exchange `E`.

    A subclass makes the exchange and the account of its body, keeps it here while the app runs, and says by the hooks
    what differs.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.

    Attributes:
        service: see above.
        state: see State.
        exchange: the request that is running.
        drain: how far the worker wants it on its way to its end.
    """

    __slots__ = ("_hung_up", "_slowly", "drain", "exchange", "service", "state")

    # The header by which a refusal ends the connection.
    _close_line = b""

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.state = IDLE
        self.exchange: E | None = None
        self.drain: Drain = OPEN
        # The client has closed its side, which is told once.
        self._hung_up = False
        # True while a body is read slowly: at its beginning, in many chunks, in what is no body at all.
        self._slowly = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.name} on {self.wire!r}, exchange={self.exchange!r}>"

    # The hooks.

    def _feed(self, exchange: E, data: bytes) -> None:
        """Take the next bytes of the wire, and put into the exchange what they have of its body."""
        raise NotImplementedError

    def _find_fault(self, exchange: E) -> Refusal | None:
        """Return why the rest of the body cannot be read, once the app has what it may still get of it."""
        raise NotImplementedError

    def _expire_waiting(self) -> None:
        """Act on the deadline while no request is running: a connection that is idle, or a head that is late."""
        raise NotImplementedError

    # The body.

    async def read_body(self) -> None:
        """Read the wire once for the current request."""
        exchange = self.exchange
        assert exchange is not None
        fault = self._find_fault(exchange)
        if fault is None:
            if not (data := await self._receive(exchange)):
                exchange.gone = not exchange.complete
                self._disconnect(exchange)
                return
            fault = self._take(exchange, data)
        if fault is not None:
            await self._give_up(exchange, fault)
        if self._hung_up and exchange.body_complete:
            self._lose(exchange)

    async def _receive(self, exchange: E) -> bytes:
        """Return the next bytes of the client, b"" at their end."""
        assert exchange.intake is not None
        if self._slowly or exchange.intake.is_due():
            await self.service.turns.pause()
        exchange.intake.wait()
        self.wire.deadline = self.service.clock.now + self.service.options.body_timeout
        try:
            data = await self.wire.receive()
        except OSError:
            return b""
        finally:
            self.wire.deadline = inf
        if self._slowly and len(data) > SLICE:
            self.wire.unread(data[SLICE:])
            return data[:SLICE]
        return data

    def _take(self, exchange: E, data: bytes) -> Refusal | None:
        """Give the exchange what came, and return what is wrong with it."""
        assert exchange.intake is not None
        self._feed(exchange, data)
        size, pieces = sum(map(len, exchange.body)), len(exchange.body)
        self._slowly = exchange.body_complete or pieces > CHUNKS or size <= SMALL * pieces
        return exchange.intake.add(size, len(data), exchange.body_complete) or self._find_fault(exchange)

    async def _give_up(self, exchange: E, refusal: Refusal) -> None:
        """End the current request from within its own `receive`: the app is cancelled there."""
        exchange.disconnect()  # For an app that shields itself from that.
        exchange.cancel(refusal)
        await trio.lowlevel.checkpoint()

    # The client that goes, or does nothing; see Connection.

    def hang_up(self) -> None:
        """Tell the app if it waits for that, else cancel it; after its answer it is left alone."""
        self._hung_up = True
        exchange = self.exchange
        # A task that reads the body comes to the end by itself, behind all that is sent.
        if exchange is not None and not self.wire.reading and not exchange.complete:
            self._lose(exchange)

    def _lose(self, exchange: E) -> None:
        """Take note that the current request has lost its client."""
        exchange.gone = True
        if exchange.waiting:
            self._disconnect(exchange)
        else:
            exchange.cancel()

    def _disconnect(self, exchange: E) -> None:
        exchange.disconnect()
        self.wire.deadline = self.service.clock.now + DISCONNECT_GRACE

    def expire(self) -> None:
        """Act on a write that stalls, an app that goes on without its client, a body or a head that does not come."""
        self.wire.deadline = inf
        if self.wire.stalled:
            self.service.counters.timeouts += 1
            self.abort()
        elif self.exchange is None:
            self._expire_waiting()
        elif self.exchange.gone:
            self.exchange.cancel()
        else:
            self.service.counters.timeouts += 1
            self.exchange.cancel(LATE_BODY)

    def release(self) -> None:
        """Let go of the last request, which knows its connection."""
        self.exchange = None

    # Answers without an app, and the end.

    @property
    def _lingers(self) -> bool:
        """Return True if it cannot close yet; what was sent of an answer that its app left incomplete may wait, too."""
        return self.state is LINGERING or not self.wire.flush()

    async def _settle(self) -> None:
        """Let that leave; the client has the usual time to read it."""
        with contextlib.suppress(OSError):
            await self.wire.settle()

    async def _refuse(self, refusal: Refusal, headers: Headers) -> None:
        """Answer what no app has seen; the headers are what is known of the request's."""
        service = self.service
        marks = note(service, "a request", self.wire.client, refusal, headers)
        body = refusal.body
        head = prepare(refusal.status, [*text_headers(body), *marks])
        await self.wire.send(service.heads.write(head, self._close_line) + body)

    async def _part(self, refusal: Refusal | None = None, headers: Headers | None = None) -> None:
        """Say what is left to say, and let a client that may still be sending read it before the connection closes.

        A close with unread data would reach the client before the answer does (RFC 9112 section 9.6).
        """
        self.state = LINGERING
        self.wire.deadline = inf
        with self.service.lingering.stay() as self.cancel_scope:
            if refusal is not None:
                await self._refuse(refusal, headers or [])
            await self.service.lingering.part(self.wire, self.cancel_scope)
