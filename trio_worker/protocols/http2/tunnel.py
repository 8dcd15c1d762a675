"""Streams that carry WebSockets (RFC 8441): to the session, each is a wire like any other."""

from collections.abc import Mapping
from math import inf
from typing import Any

import trio

from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.exchange import StreamExchange
from trio_worker.protocols.http2.response import QUEUED
from trio_worker.protocols.websocket.connection import WebSocketConnection, max_size
from trio_worker.protocols.websocket.holding import Holding
from trio_worker.protocols.websocket.inflating import Excess
from trio_worker.transport.wire import Address, Ungathered, Watcher

# Events that the frames in a piece of a session's bytes count as; see intake.py.
FRAMES_WEIGHT = 4


class Tunnel(Ungathered):
    """A stream as the connection knows it, and as a wire.

    Args:
        connection: that the stream is on.
        exchange: the request that asks for the WebSocket.

    Attributes:
        work: the session, for a task; None once it has ended.
        deadline: when its `expire` is called.
    """

    watched = True
    watcher: Watcher | None = None
    reading = stalled = complete = withholds_end = False
    has_begun = True
    stall_deadline = inf
    root_path = ""

    def __init__(self, connection: Carrier, exchange: StreamExchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self._body: list[bytes] = []
        self._ended = False
        self._changed = trio.Event()
        self._deadline = inf
        wire = connection.wire
        self.client: Address | None = wire.client
        self.server: Address | None = wire.server
        self.scheme = wire.scheme
        self.extensions: Mapping[str, Any] = wire.extensions
        self.work: WebSocketConnection | None = WebSocketConnection(connection.service, self)
        self.work.exchange, self.work.needs_key = exchange, False
        self.work.excess = connection.excess = connection.excess or Excess()
        if connection.holding is None:
            connection.holding = Holding(max_size(connection.service.options))
        self._holding = connection.holding

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on stream {self._exchange.stream}>"

    # The calls of its connection.

    @property
    def stream(self) -> int:
        """The number of the stream."""
        return self._exchange.stream

    @property
    def deadline(self) -> float:
        """The time at which its `expire` is called, on Trio's clock in seconds."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        self._deadline = deadline
        self._connection.wire.deadline = min(self._connection.wire.deadline, deadline)

    def come(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self.work is None:
            self._connection.consumed(self.stream, len(data))
            return
        self._body.append(data)
        self._connection.owed += FRAMES_WEIGHT
        self._connection.account.bring(len(data))
        self.work.wake(False)

    def end(self) -> None:
        """Take note that the client sends no more."""
        if self.work is not None and (not self._exchange.body_complete or self._exchange.begun):
            self._ended = True
            self.work.wake(True)

    def lose(self) -> None:
        """Take note that the stream has ended."""
        self._ended = True
        self._exchange.gone = True
        if self.work is not None:
            self._connection.lost.add(self)
            self.work.hang_up(is_over=True)
        self.wake(True)

    def go_on(self) -> None:
        """Go on writing, if there is room."""
        self._changed.set()

    def expire(self) -> None:
        """Act on the deadline."""
        self._deadline = inf
        if self.work is not None:
            self.work.expire()
        else:
            self._connection.reset(self.stream, is_fault=True)

    def start_drain(self) -> None:
        """Close by 1012."""
        if self.work is not None:
            self.work.start_drain()

    def stop(self) -> None:
        """End now, by a close frame. One that waits for a task is lost with its connection."""
        if self.work is not None and hasattr(self.work, "cancel_scope"):
            self.work.abort()

    # The wire's side.

    def fileno(self) -> int:
        """Return -1: it has no descriptor of its own."""
        return -1

    def unread(self, data: bytes) -> None:
        """Give back bytes that were read."""
        self._body.insert(0, data)

    @property
    def ahead(self) -> bytes:
        """The bytes that nobody has read."""
        return b"".join(self._body)

    def receive_now(self) -> bytes | None:
        """Return what has come, b"" at the end, None where there may be more."""
        if self._body:
            data = b"".join(self._body)
            self._body.clear()
            self._connection.consumed(self.stream, len(data))
            return data if self._has_room(len(data)) else b""
        self._has_room(0)
        return b"" if self._ended else None

    def _has_room(self, size: int) -> bool:
        """End the session if its connection has no room for so many bytes more, and return False."""
        session = None if self.work is None else self.work.session
        if session is None or self._holding.keep(self, session.held + size):
            return True
        session.end_for_size()
        self._holding.leave(self)
        return False

    async def receive(self) -> bytes:
        """Return the next bytes, b"" at the end."""
        while (data := self.receive_now()) is None:
            await self.wait()
        return data

    async def wait(self) -> None:
        """Wait until there may be something to receive; other tasks have a turn in any case."""
        if self._body or self._ended:
            await trio.lowlevel.checkpoint()
            return
        self.reading = True
        try:
            await self._wait_for_change()
        finally:
            self.reading = False

    def can_wait_alone(self) -> bool:
        """Return False: who reads from a tunnel is a session, which has a task."""
        return False

    async def _wait_for_change(self) -> None:
        if self._changed.is_set():
            self._changed = trio.Event()
        await self._changed.wait()

    def wake(self, ended: bool) -> None:
        """Wake the task that waits for something to receive."""
        self._changed.set()

    def try_send(self, data: bytes | memoryview) -> int:
        """Hand the bytes to the session, unless too many wait there; return how many it took."""
        if self._exchange.gone:
            raise BrokenPipeError("the client has gone")
        if self._connection.session.queued(self.stream) > QUEUED:
            return 0
        self._connection.session.send(self.stream, bytes(data), end=False)
        self._connection.flush_soon()
        return len(data)

    def try_send_parts(self, parts: Any) -> int:
        """Do the same with several."""
        return self.try_send(b"".join(parts))

    async def send(self, data: bytes | memoryview) -> None:
        """Send all of it; waits while the client does not read."""
        self._connection.blocked.add(self)
        self.stalled, seen = True, (inf, 0)
        try:
            while data and not self.try_send(data):
                seen = self._give_time(*seen)
                await self._wait_for_change()
        except trio.Cancelled:
            # As on any wire: a scope of the app's own may end here, and the client lacks what the next frame refers to.
            self.abort()
            raise
        finally:
            self.stalled, self.stall_deadline = False, inf
            self._connection.blocked.discard(self)

    def _give_time(self, queued: float, written: int) -> tuple[float, int]:
        """Begin the client's time anew if it has read since, of this stream or of what comes before it.

        Args:
            queued, written: bytes that waited in the stream then, and of bodies that had left; returned as they are
                where the time goes on.
        """
        connection = self._connection
        now = connection.session.queued(self.stream), connection.bodies_written
        others = connection.wire.stalled or now[1] > written
        if now[0] >= queued and not (others and connection.session.has_window(self.stream)):
            return queued, written
        self.deadline = self.stall_deadline = connection.service.clock.now + connection.service.options.write_timeout
        return now

    async def send_parts(self, *parts: bytes | memoryview) -> None:
        """Send all of the parts."""
        await self.send(b"".join(parts))

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Raise: a WebSocket sends no files."""
        raise NotImplementedError

    def send_now(self, data: bytes) -> None:
        """Send what can leave."""
        self.try_send(data)

    def has_received(self) -> bool:
        """Return True if bytes have come that nobody has read."""
        return bool(self._body)

    def end_reading(self) -> None:
        """End the wait for bytes."""
        self._ended = True
        self.wake(True)

    def end_writing(self) -> None:
        """Say that nothing more will come."""
        if self._exchange.begun and not (self._exchange.gone or self._exchange.complete or self.complete):
            session = None if self.work is None else self.work.session
            if session is not None and session.status != 101:
                # A denial that its app has not brought to its end must not look whole.
                self._ended = True
                self._connection.part(self.stream, is_fault=True)
                return
            self.complete = self._ended = True  # Nothing is cut off by what the client may still send on its stream.
            self._connection.session.send(self.stream, b"", end=True)
            self._connection.flush_soon()

    def abort(self) -> None:
        """End the stream."""
        self._connection.reset(self.stream, is_fault=True)
        self.lose()

    def close(self) -> None:
        """Take note that nobody uses it any more."""
        self.work = None  # It knows this wire.
        self._holding.leave(self)
        self._connection.lost.discard(self)
        if not self._exchange.gone:
            service = self._connection.service
            self.deadline = service.clock.now + service.options.write_timeout
            self._connection.part(self.stream, is_fault=False)
        self._connection.has_run(None)
