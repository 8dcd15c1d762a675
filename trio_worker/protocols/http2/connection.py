"""A connection that speaks HTTP/2: bytes in and out, and its streams, each in a task of the pool.

    bytes come -> events of the session -> new streams are given to tasks -> what they have to say leaves in one write

One read is taken apart at a time, piece by piece, and in between everybody else has a turn. What leaves is gathered
while the streams of a read run; what comes later leaves at once.
"""

import logging
from contextlib import suppress
from math import inf
from typing import NoReturn

import trio

from trio_worker.http.response import LEAVING
from trio_worker.http.service import Service
from trio_worker.protocols.http2 import session as http2
from trio_worker.protocols.http2.carrier import Timed
from trio_worker.protocols.http2.events import begin_session
from trio_worker.protocols.http2.exchange import StreamExchange
from trio_worker.protocols.http2.flood import Account
from trio_worker.protocols.http2.intake import Intake
from trio_worker.protocols.http2.lost import Lost
from trio_worker.protocols.http2.output import Output
from trio_worker.protocols.http2.parting import Parting
from trio_worker.protocols.http2.rules import Asked
from trio_worker.protocols.http2.session import Session
from trio_worker.protocols.http2.work import Stream, drain_all, expire_late, lose_all, stop_all
from trio_worker.protocols.websocket.holding import Holding
from trio_worker.protocols.websocket.inflating import Excess
from trio_worker.transport.connections import CLOSE, Connection, Outcome
from trio_worker.transport.wire import Address, Wire

log = logging.getLogger(__name__)


class Http2Connection(Connection):
    """A connection that speaks HTTP/2.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.

    Its attributes are those of `Carrier`.
    """

    __slots__ = (
        "_answered",
        "_intake",
        "_output",
        "_over",
        "_parting",
        "_reading",
        "_upgrade",
        "account",
        "blocked",
        "ending",
        "excess",
        "flush",
        "flush_soon",
        "fresh",
        "holding",
        "lost",
        "owed",
        "running",
        "server",
        "service",
        "session",
        "streams",
    )

    # A response of HTTP/2 says nothing of its connection.
    drain, ends_here = LEAVING, False

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.server: Address | None = wire.server
        self.session = Session(service.websockets)
        self.streams: dict[int, Stream] = {}
        self.blocked: set[Stream] = set()
        self.lost = Lost()
        self.running = self.fresh = self.owed = 0
        self.ending, self._reading = False, trio.CancelScope()
        # Made when it is waited for that the last of them ends.
        self._over: trio.Event | None = None
        # The streams that were answered while what leaves was gathered.
        self._answered: list[StreamExchange] = []
        self._parting = Parting(self.session)
        self._upgrade: tuple[Asked, bytes] | None = None
        self.account = Account(service.clock.now)
        self.excess: Excess | None = None
        self.holding: Holding | None = None
        self._intake = Intake(self)
        self._output = Output(service, wire, self.session, self._written)
        self.flush, self.flush_soon = self._output.flush, self._output.flush_soon

    def upgrade(self, asked: Asked, settings: bytes) -> "Http2Connection":
        """Begin with the request of HTTP/1.1 that asks for it, and with the settings that it brings."""
        self._upgrade = asked, settings
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self.streams)} streams on {self.wire!r}>"

    async def serve(self) -> None:
        """Serve streams until one side ends it, and leave the rest to be done OUTSIDE."""
        self.wire.deadline = self.service.clock.now + self.service.options.header_timeout
        begin_session(self, self._upgrade)
        if self.service.draining.is_set():
            self.session.announce_end()
        try:
            with self._reading, suppress(OSError):
                await self._read_all()
        except http2.Error as error:
            log.info("ended the HTTP/2 connection of %s: %s", self.wire.client, error)
            if isinstance(error, http2.Flood) and self._output.is_empty:
                self.wire.send_now(http2.goodbye(self.session.last_stream))
            self.flush()
        finally:
            self._output.held = False
            self._intake.stop()
            await lose_all(self.streams.values(), self.service.turns)
        while self.running:
            self._over = trio.Event()
            await self._over.wait()

    async def _read_all(self) -> None:
        while not self._is_over():
            self.flush()
            if (data := self.wire.receive_now()) is None:
                if not self._is_over():  # It may be by what was written.
                    await self.wire.wait()
                continue
            if not data:
                return
            await self._intake.wait_turn()
            self._output.held = True
            await self._intake.take(data)
            if self.fresh:  # Trio lets the tasks of one turn run in either order.
                await trio.lowlevel.cancel_shielded_checkpoint()
            self._output.held = False  # Those that need not wait have answered by now.

    def end_reading(self) -> None:
        """Wake whoever reads, for the end.

        Were the kernel told that nothing is read any more, it would answer the next window update by a reset, and what
        the client has not read would be lost with it (RFC 1122 section 4.2.2.13).
        """
        if self.wire.watched:
            self.wire.wake(False)
        else:
            self.wire.end_reading()

    def _is_over(self) -> bool:
        return self.ending and not self.streams and self._output.is_empty

    def fail(self, why: str, code: int = http2.ENHANCE_YOUR_CALM) -> NoReturn:
        """End it for what the client does; by default for an account that is overdrawn."""
        log.info("ended the HTTP/2 connection of %s: %s", self.wire.client, why)
        self.session.go_away(code)
        self.flush()
        raise ConnectionAbortedError(why)

    # The calls of streams.

    @property
    def bodies_written(self) -> int:
        """The number of bytes of bodies that have left; behind our GOAWAY, which ends soon, of all that has."""
        return self.session.bodies_sent(self._output.written)

    def consumed(self, number: int, size: int) -> None:
        """Let the client send as many bytes more."""
        self.session.consumed(number, size)
        self.flush_soon()

    def set_deadline(self, stream: Timed, seconds: float) -> None:
        """Have the stream's `expire` called when its time is over."""
        stream.deadline = self.service.clock.now + seconds
        self.wire.deadline = min(self.wire.deadline, stream.deadline)

    def reset(self, number: int, is_fault: bool) -> None:
        """End a stream before its response is complete, or its request."""
        self.session.reset(number, http2.INTERNAL_ERROR if is_fault else http2.NO_ERROR)
        self.flush_soon()

    def part(self, number: int, is_fault: bool) -> None:
        """End a stream behind what it has said: a reset would overtake what waits for the client."""
        self._parting.add(number, is_fault)
        self.flush()

    async def read_body(self) -> None:
        """Do nothing: bodies come by themselves."""

    def has_run(self, stream: StreamExchange | None) -> None:
        """Take note that the task of a stream has done its work; None for one that is a tunnel."""
        self.running -= 1
        if self._over is not None and not self.running:
            self._over.set()
        if stream is not None and stream.stream in self.streams:
            self._answered.append(stream)
            if not self._output.held:
                self._watch_answers()
        if self._is_over():
            self.end_reading()

    def _watch_answers(self) -> None:
        """Give a time to the clients of answers that have not left: their windows are closed, or they do not read."""
        for stream in self._answered:
            if stream.stream in self.streams:
                stream.await_client()
        self._answered.clear()

    def _written(self, size: int) -> None:
        """Act on what writing has brought about."""
        self.account.earn(size)
        if events := self.session.events():
            self._intake.follow(events)
        if self._answered:
            self._watch_answers()
        for stream in list(self.blocked) if size else ():
            stream.go_on()
        if self._parting and self._output.is_empty and self._parting.end():
            self.flush_soon()
        if self._is_over():
            self.end_reading()

    # The calls of others, which never block; see Connection.

    def set_idle_deadline(self) -> None:
        self.wire.deadline = self.service.clock.now + self.service.options.keepalive_timeout

    def is_late(self, now: float) -> bool:
        """Return True also for the deadlines of streams that it has forgotten."""
        return super().is_late(now) or self.lost.is_late(now)

    def expire(self) -> None:
        """Act on a write that stalls, on streams whose time is over, and on a connection that nobody uses."""
        wire, clock = self.wire, self.service.clock
        if wire.stalled and wire.stall_deadline <= clock.now:
            self.service.counters.timeouts += 1
            self.wire.stall_deadline = inf  # It is told once.
            self.abort()
            return
        self.lost.expire(clock, self.service.turns)
        if wire.deadline > clock.now:
            return
        if self.streams:
            wire.deadline = expire_late(self.streams, clock, self.service.turns)
        elif self._output.is_empty:
            wire.deadline = inf
            self.end_linger()
        else:
            self.set_idle_deadline()  # The last answer is still on its way, and has a deadline of its own.

    def lose(self) -> None:
        """Act on nothing more. Of a client that only closes its side whoever reads finds the end, behind the rest."""
        self._reading.cancel()

    def start_drain(self) -> None:
        """Ask the client not to open new streams; those that it opens meanwhile are served."""
        self.session.announce_end()
        self.flush_soon()
        drain_all(self)

    def end_linger(self) -> None:
        """Take no more streams, and end with the last one."""
        if not self.ending:
            self.ending = True
            self.session.go_away()
            self.flush()
        if self._is_over():
            self.end_reading()

    def abort(self) -> None:
        """End now, whatever is in flight: the streams first."""
        stop_all(self, self._stop)

    def _stop(self) -> None:
        if self.wire.fileno() >= 0:  # Else its task may serve another one by now.
            super().abort()

    def release(self) -> None:
        """Let go of both sides, and of what is left of streams, which all know their connection."""
        self.streams.clear()
        self.blocked.clear()
        self.lost.clear()
        self._answered.clear()
        self._parting.clear()
        self._output.release()
        del self._intake

    async def step_outside(self) -> Outcome:
        """End our side when the streams are over, and wait a little for the client to end its own."""
        self.wire.deadline = inf
        with self.service.lingering.stay() as self.cancel_scope:
            await self._output.wait_written()
            await self.service.lingering.part(self.wire, self.cancel_scope)
        return CLOSE
