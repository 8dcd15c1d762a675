"""One request at a time on a connection: its body read when the app asks, its client lost, its refusal, the close.

    the app asks for more of the body -> read the wire -> it gets what came, or is cancelled for what is wrong with it
    the client hangs up               -> the app is told where it waits for that, and cancelled where it does not
    a refusal, or a body left unread  -> end our side, then wait a little for the client to end its own

The express lane and the uwsgi protocol are such connections. How a request begins, what its bytes mean and what comes
after it is theirs.
"""

import logging
from math import inf
from typing import Generic, TypeVar

import trio

from trio_worker.asgi import Handle
from trio_worker.http.exchange import Exchange
from trio_worker.http.intake import Intake
from trio_worker.http.response_head import prepare
from trio_worker.http.service import Service
from trio_worker.refusal import Refusal, text_headers
from trio_worker.transport.bounds import DISCONNECT_GRACE, LINGERING_CLOSE
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Exchange)


class RequestConnection(Connection, Generic[E]):
    """A connection that has at most one request running, of the kind of exchange `E`.

    A subclass makes the exchange and the account of its body, keeps them here while the app runs, and says by the hooks
    what differs.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.

    Attributes:
        service: see above.
        counters: the worker's.
        handle: of the request that is running.
        heads: the service's.
    """

    __slots__ = (
        "_current",
        "_gone",
        "_hung_up",
        "_intake",
        "_linger",
        "_reading",
        "counters",
        "handle",
        "heads",
        "service",
    )

    # What a refusal says of the connection.
    _close_line = b""

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.counters = service.counters
        self.heads = service.heads
        self.handle = Handle()
        self._current: E | None = None
        self._intake: Intake | None = None
        # Whether the task waits for more of a body: then it sees a disconnect by itself.
        self._reading = False
        # The client has closed its side, which is told once; with that, the current request has lost its client.
        self._hung_up = False
        self._gone = False
        # Whether the client may still be sending when we close.
        self._linger = False

    def enter(self, scope: trio.CancelScope) -> None:
        """Serve in this cancel scope; so does the request that is running."""
        self.cancel_scope = self.handle.cancel_scope = scope

    def leave(self) -> None:
        """Whoever has kept the handle of a request cancels nothing with it any more."""
        self.handle.cancel_scope = None

    # The hooks.

    def _feed(self, exchange: E, data: bytes) -> None:
        """Take the next bytes of the wire, and put into the exchange what they have of its body."""
        raise NotImplementedError

    def _find_fault(self, exchange: E) -> Refusal | None:
        """Why the rest of the body cannot be read, once the app has what it may still get of it."""
        raise NotImplementedError

    def _expire_head(self) -> None:
        """The deadline has passed, and no request is running: what is waited for is one's head."""
        raise NotImplementedError

    # The body.

    async def read_body(self) -> None:
        """Read the wire once for the current request."""
        exchange, intake = self._current, self._intake
        assert exchange is not None
        assert intake is not None
        if (fault := self._find_fault(exchange)) is not None:
            await self._give_up(exchange, fault)
            return
        await intake.pause()
        if not (data := await self._receive_body()):
            self._gone = True
            self.handle.gone = not exchange.complete
            self._disconnect(exchange)
            return
        self._feed(exchange, data)
        refusal = intake.add(exchange, len(data)) or self._find_fault(exchange)
        if refusal is not None:
            await self._give_up(exchange, refusal)
        if self._hung_up and exchange.body_complete:
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

    async def _give_up(self, exchange: E, refusal: Refusal) -> None:
        """End the current request from within its own `receive`: the app is cancelled there."""
        self._linger = True
        exchange.disconnect()  # For an app that shields itself from that.
        self.handle.cancel(refusal.status)
        await trio.lowlevel.checkpoint()

    # The client that goes, or does nothing; see Connection.

    def hang_up(self) -> None:
        """Tell the app if it waits for that, else cancel it; after its answer it is left alone."""
        self._hung_up = True
        exchange = self._current
        if exchange is not None and not self._reading and not exchange.complete:
            self._lose(exchange)

    def _lose(self, exchange: E) -> None:
        """The current request has lost its client."""
        self._gone = self.handle.gone = True
        if exchange.waiting:
            self._disconnect(exchange)
        else:
            self.handle.cancel()

    def _disconnect(self, exchange: E) -> None:
        exchange.disconnect()
        self.wire.deadline = self.service.clock.now + DISCONNECT_GRACE

    def expire(self) -> None:
        """A write that stalls, an app that goes on without its client, a body or a head that does not come."""
        self.wire.deadline = inf
        if self.wire.stalled:
            self.counters.timeouts += 1
            self.abort()
        elif self._gone:
            self.handle.cancel()
        elif self._current is not None:
            self._linger = True
            self.counters.timeouts += 1
            self.handle.cancel(408)
        else:
            self._expire_head()

    # What is answered without an app, and the end.

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer what no app has seen."""
        self._linger = True
        self.counters.add_refusal(refusal.status)
        log.info("refused a request from %s: %d %s", self.wire.client, refusal.status, refusal.reason)
        body = refusal.body
        head = prepare(refusal.status, text_headers(body))
        await self.wire.send(self.heads.write(head, self._close_line) + body)

    async def _part(self, refusal: Refusal | None = None) -> None:
        """Say what is left to say, and let a client that may still be sending read it before the connection closes.

        A close with unread data would reach the client before the answer does (RFC 9112 section 9.6).
        """
        self.wire.deadline = inf
        with trio.move_on_after(LINGERING_CLOSE) as self.cancel_scope:
            if refusal is not None and not (self.handle.begun or self._gone):
                await self._refuse(refusal)
            if self._linger:
                await self.wire.end_writing()
                while await self.wire.receive():
                    # A client that sends without pause must not keep the others waiting.
                    await trio.lowlevel.checkpoint()
