"""Hands a connection to Hypercorn: HTTP/2, WebSocket, upgrades, and HTTP/1.1 where the express lane is off.

Hypercorn's protocol classes parse and serialise; the connection itself is ours. That is what makes its end certain: a
write is bounded by the wire's deadline, a close needs no checkpoint, and what a connection raises ends that
connection only.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from trio_worker.http.service import Service
from trio_worker.protocols.hypercorn.bodies import BodyDeadlines
from trio_worker.protocols.hypercorn.http1 import Http1
from trio_worker.protocols.hypercorn.http2 import ANY_STREAM, Http2
from trio_worker.protocols.hypercorn.tasks import TaskGroup
from trio_worker.transport.bounds import LINGERING_CLOSE
from trio_worker.transport.connections import CLOSE, Connection, Outcome
from trio_worker.transport.wire import Wire

Command = Callable[[], Awaitable[None]]


class HypercornConnection(Connection):
    """A connection that Hypercorn's protocols speak on.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.
        http2: whether it begins with HTTP/2, by prior knowledge or by ALPN.
    """

    def __init__(self, service: Service, wire: Wire, http2: bool) -> None:
        super().__init__(wire)
        self._service = service
        self._http2 = http2
        self._parts: tuple[Any, ...]
        self._protocol: Http1 | Http2
        self._bodies = BodyDeadlines(service, wire)
        self._send_lock = trio.Lock()
        # What others ask of the connection runs in a task of its own, because none of them may wait.
        self._command, self._commands = trio.open_memory_channel[Command](math.inf)
        self._idle = True
        # Whether the task that reads waits for the wire: then it comes to the end by itself, behind all that is sent.
        self._receiving = False
        # The client has closed its side, which is told once.
        self._hung_up = False
        self._closing = False
        self._lingered = False

    async def serve(self) -> Outcome:
        """Serve it to its end, the last task of the app included."""
        async with trio.open_nursery() as nursery:
            self.cancel_scope = nursery.cancel_scope
            nursery.start_soon(self._obey)
            async with trio.open_nursery() as tasks:
                self._parts = self._make_parts(TaskGroup(self._service, tasks, self.wire, self._bodies))
                await self._begin(self._http2)
                await self._read()
                await self._protocol.handle(Closed())
            nursery.cancel_scope.cancel()
        return CLOSE

    def _make_parts(self, tasks: TaskGroup) -> tuple[Any, ...]:
        """What every one of Hypercorn's protocols is made of."""
        return (
            self._service.application,
            self._service.hypercorn,
            WorkerContext(None),
            tasks,
            ConnectionState(self._service.state),
            self.wire.scheme == "https",
            self.wire.client,
            self.wire.server,
            self._send,
        )

    async def _begin(self, http2: bool, headers: Any = None, settings: Any = None) -> None:
        if self._idle:
            self.wire.deadline = trio.current_time() + self._service.options.header_timeout
        if not http2:
            self._protocol = Http1(self._service, *self._parts)
            return
        self._protocol = Http2(self._service, *self._parts)
        await self._protocol.initiate(headers, settings)
        if self._service.draining.is_set():
            self.start_drain()

    async def _obey(self) -> None:
        async for command in self._commands:
            await command()

    async def _read(self) -> None:
        while True:
            try:
                data = await self._receive()
            except (OSError, trio.BrokenResourceError):
                return
            if self._hung_up:
                self._command.send_nowait(self._gone)
            if not self._closing:
                await self._handle(RawData(data))
            if not data:
                return
            if self._protocol.leaving and not self._lingered:
                self.end_linger()
            # What came may have changed nothing: an HTTP/2 frame that acknowledges another.
            self._end_if_idle()

    async def _receive(self) -> bytes:
        self._receiving = True
        try:
            data = await self.wire.receive()
            await trio.lowlevel.checkpoint()  # A client that sends without pause makes no read wait.
            return data
        finally:
            self._receiving = False

    async def _handle(self, event: RawData) -> None:
        try:
            await self._protocol.handle(event)
        except H2ProtocolAssumedError as preface:
            await self._begin(http2=True)
            await self._protocol.handle(RawData(preface.data))
        except H2CProtocolRequiredError as upgrade:
            await self._begin(http2=True, headers=upgrade.headers, settings=upgrade.settings)
            if upgrade.data:
                await self._protocol.handle(RawData(upgrade.data))

    async def _send(self, event: Event) -> None:
        """What Hypercorn's protocols call with everything they want."""
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Updated):
            self._set_idle(event.idle and not self._protocol.has_unsent)
        elif isinstance(event, Closed):
            await self._close()
            await self._protocol.handle(Closed())

    async def _write(self, data: bytes) -> None:
        # The shield keeps an answer whole when its request is cancelled half-way through a write. It ends with the
        # wire: the sweeper aborts that when the client does not read.
        with trio.CancelScope(shield=True):
            try:
                async with self._send_lock:
                    await self.wire.send(data)
            except (OSError, trio.BrokenResourceError):
                self.wire.abort()
                await self._protocol.handle(Closed())

    def _set_idle(self, idle: bool) -> None:
        self._idle = idle
        if self._closing:
            return
        keepalive = self._service.options.keepalive_timeout
        self.wire.deadline = trio.current_time() + keepalive if idle else self._bodies.soonest
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._idle and self._lingered and not self._closing:
            self._command.send_nowait(self._close_if_idle)

    async def _close_if_idle(self) -> None:
        # The kernel decides whether a request came in time, so none is lost between a look and a close.
        if self._idle and not self.wire.has_received():
            await self._close()

    async def _close(self) -> None:
        """End our side; the reading task goes on until the client ends its own, or the deadline."""
        if not self._closing:
            self._closing = True
            self.wire.deadline = trio.current_time() + LINGERING_CLOSE
            await self.wire.end_writing()

    def expire(self) -> None:
        """Idle for too long, a client that does not read, one that does not close, or bodies that do not come."""
        wire = self.wire
        if self._closing or wire.stall_deadline <= trio.current_time() or (self._idle and wire.stalled):
            self._service.counters.timeouts += wire.stalled
            self.abort()
        elif self._idle:
            wire.deadline = trio.current_time() + LINGERING_CLOSE
            self.end_linger()
        else:
            self._bodies.expire()
            wire.deadline = self._bodies.soonest

    def hang_up(self) -> None:
        """The client has gone: tell the protocol, where its reading task waits for the app."""
        self._hung_up = True
        self._command.send_nowait(self._gone)

    async def _gone(self) -> None:
        if self._idle or self._closing:
            return
        self.cancel_scope.deadline = trio.current_time() + LINGERING_CLOSE
        if not self._receiving:
            await self._protocol.handle(Closed())

    def start_drain(self) -> None:
        """HTTP/2 clients are asked not to open new streams; HTTP/1.1 ones are told with their next answer."""
        if isinstance(self._protocol, Http2):
            protocol = self._protocol
            self._command.send_nowait(lambda: protocol.go_away(ANY_STREAM))

    def end_linger(self) -> None:
        """End when idle, now or at the end of what is in flight."""
        self._lingered = True
        if isinstance(self._protocol, Http2):
            self._command.send_nowait(self._protocol.go_away)
        self._end_if_idle()
