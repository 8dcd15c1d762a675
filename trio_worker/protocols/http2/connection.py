"""A connection that speaks HTTP/2: bytes in and out, and its streams, each in a task of the pool.

    bytes come -> events of the session -> new streams are given to tasks -> what they have to say leaves in one write

One read is taken apart at a time, and between two reads everybody else has a turn. What leaves is gathered while the
streams of a read run; what comes later leaves at once.
"""

import logging
from math import inf

import trio

from trio_worker.http.response import LEAVING
from trio_worker.http.service import Service
from trio_worker.protocols.http2 import rules
from trio_worker.protocols.http2 import session as http2
from trio_worker.protocols.http2.carrier import Timed
from trio_worker.protocols.http2.flood import REQUEST_WORTH, Account
from trio_worker.protocols.http2.output import Output
from trio_worker.protocols.http2.rules import Asked
from trio_worker.protocols.http2.session import Session
from trio_worker.protocols.http2.work import Stream, begin, begin_plain
from trio_worker.transport.bounds import LINGERING_CLOSE
from trio_worker.transport.connections import CLOSE, OUTSIDE, Connection, Outcome, Work
from trio_worker.transport.wire import Address, Wire

log = logging.getLogger(__name__)

# RFC 7540 section 3.2.
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class Http2Connection(Connection):
    """A connection that speaks HTTP/2.

    Args:
        service: the worker's.
        wire: the connection; bytes that were read to find the protocol have been given back to it.

    Attributes:
        service: see above.
        session: the protocol's state.
        server: the address that the client has connected to.
        streams: that are open, by their numbers.
        blocked: those that wait for the client to take what is in them.
    """

    __slots__ = (
        "_account",
        "_ending",
        "_output",
        "_over",
        "_running",
        "_upgrade",
        "blocked",
        "flush",
        "flush_soon",
        "server",
        "service",
        "session",
        "streams",
    )

    # A response of HTTP/2 says nothing of its connection.
    drain = LEAVING
    ends_here = False

    def __init__(self, service: Service, wire: Wire) -> None:
        super().__init__(wire)
        self.service = service
        self.server: Address | None = wire.server
        self.session = Session()
        self.streams: dict[int, Stream] = {}
        self.blocked: set[Stream] = set()
        # How many tasks run for the streams, and what is set when the last one ends.
        self._running, self._over = 0, trio.Event()
        self._ending = False  # True once no stream is taken any more: the connection ends with the last one.
        self._upgrade: tuple[Asked, bytes] | None = None
        self._account = Account(service.clock.now)
        self._output = Output(service, wire, self.session, self._written)
        self.flush, self.flush_soon = self._output.flush, self._output.flush_soon

    def upgrade(self, asked: Asked, settings: bytes) -> "Http2Connection":
        """Begin with the request of HTTP/1.1 that asks for it, and with the settings that it brings."""
        self._upgrade = asked, settings
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self.streams)} streams on {self.wire!r}>"

    async def serve(self) -> Outcome:
        """Serve streams until one side ends it."""
        self.wire.deadline = self.service.clock.now + self.service.options.header_timeout
        self._begin_session()
        if self.service.draining.is_set():
            self.session.announce_end()
        try:
            await self._read_all()
        except http2.Error as error:
            log.info("ended the HTTP/2 connection of %s: %s", self.wire.client, error)
            self.flush()
        except OSError:
            pass
        finally:
            self._output.held = False
            self.hang_up()
        while self._running:
            self._over = trio.Event()
            await self._over.wait()
        return OUTSIDE

    def _begin_session(self) -> None:
        if self._upgrade is None:
            self.session.begin()
            return
        asked, settings = self._upgrade
        self.wire.send_now(_SWITCHING)
        self.session.begin_upgraded(settings, asked.method == "HEAD")
        self._start(1, *begin(self, 1, asked, over=True))

    async def _read_all(self) -> None:
        while not self._is_over():
            self.flush()
            data = await self.wire.receive()
            if not data:
                return
            started = self._take(data)
            self._output.held = True
            await trio.lowlevel.checkpoint()
            if started:
                await trio.lowlevel.checkpoint()  # Those that need not wait have answered by now.
            self._output.held = False

    def _is_over(self) -> bool:
        return self._ending and not self.streams and self._output.is_empty

    def _take(self, data: bytes) -> int:
        """Take apart what came; return how many streams have begun."""
        started = worth = 0
        for event in self.session.receive(data):
            if isinstance(event, http2.Requested):
                started += 1
            elif isinstance(event, http2.Data):
                worth += len(event.data)
            self._act(event)
        self._set_idle_deadline()
        if not self._account.spend(len(data) - worth - started * REQUEST_WORTH, self.service.clock.now):
            self._calm("it sends frames that bring nothing")
        return started

    def _calm(self, why: str) -> None:
        log.info("ended the HTTP/2 connection of %s: %s", self.wire.client, why)
        self.session.go_away(http2.ENHANCE_YOUR_CALM)
        self.flush()
        raise ConnectionAbortedError(why)

    def _act(self, event: object) -> None:
        if isinstance(event, http2.Requested):
            self._begin(event)
        elif isinstance(event, http2.Data):
            self._take_data(event.stream_id, event.data, event.end_stream)
        elif isinstance(event, http2.Trailers | http2.Reset):
            if (stream := self.streams.get(event.stream_id)) is not None:
                (stream.end if isinstance(event, http2.Trailers) else stream.lose)()
            if isinstance(event, http2.Reset) and not self._account.reset():
                self._calm("it resets too many streams")
        elif isinstance(event, http2.StreamClosed):
            if (stream := self.streams.pop(event.stream_id, None)) is not None:
                stream.lose()
                self._set_idle_deadline()
        elif isinstance(event, http2.GoAway | http2.Closed):
            self._ending = True

    def _begin(self, event: http2.Requested) -> None:
        number, over = event.stream_id, event.end_stream
        if self._ending:
            self.session.reset(number, http2.REFUSED_STREAM)
        elif over and (plain := rules.read_plain(event.headers)) is not None:
            self._start(number, *begin_plain(self, number, plain))
        elif (asked := rules.read(http2.fields_of(event))).target.isascii():
            self._start(number, *begin(self, number, asked, over))
        else:
            self.session.reset(number, http2.PROTOCOL_ERROR)  # RFC 9113 section 8.3.1: it is no path.

    def _start(self, number: int, stream: Stream | None, work: Work | None) -> None:
        self.session.last_stream = number
        if stream is not None:
            if not self.streams:
                self.wire.deadline = inf
            self.streams[number] = stream
        if work is not None:
            self._running += 1
            self.service.tasks.start(work)

    def _take_data(self, number: int, data: bytes, over: bool) -> None:
        stream = self.streams.get(number)
        if stream is None or stream.complete:
            self.consumed(number, len(data))
        elif data:
            stream.come(data)
        if over and stream is not None:
            stream.end()

    # The calls of streams.

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

    async def read_body(self) -> None:
        """Do nothing: bodies come by themselves."""

    def ran(self) -> None:
        """Take note that a stream's task has done its work."""
        self._running -= 1
        if not self._running:
            self._over.set()
        if self._is_over():
            self.wire.end_reading()

    def _written(self, size: int) -> None:
        """Act on what writing has brought about."""
        self._account.earn(size)
        for event in self.session.events():
            self._act(event)
        for stream in list(self.blocked):
            stream.go_on()
        if self._is_over():
            self.wire.end_reading()

    # The calls of others, which never block; see Connection.

    def _set_idle_deadline(self) -> None:
        if not self.streams:
            self.wire.deadline = self.service.clock.now + self.service.options.keepalive_timeout

    def expire(self) -> None:
        """Act on a write that stalls, on streams whose time is over, and on a connection that nobody uses."""
        if self.wire.stalled and self.wire.stall_deadline <= self.service.clock.now:
            self.service.counters.timeouts += 1
            self.abort()
            return
        self.wire.deadline = inf
        if not self.streams:
            self.end_linger()
            return
        now = self.service.clock.now
        for stream in [each for each in self.streams.values() if each.deadline <= now]:
            stream.expire()
        self.wire.deadline = min((each.deadline for each in self.streams.values()), default=inf)

    def hang_up(self) -> None:
        """Take note that the client has gone: so have all of its streams."""
        for stream in list(self.streams.values()):
            stream.lose()

    def start_drain(self) -> None:
        """Ask the client not to open new streams; those that it opens meanwhile are served."""
        self.session.announce_end()
        self.flush_soon()
        for stream in list(self.streams.values()):
            stream.start_drain()

    def end_linger(self) -> None:
        """Take no more streams, and end with the last one."""
        if not self._ending:
            self._ending = True
            self.session.go_away()
            self.flush()
        if not self.streams:
            self.wire.end_reading()

    def abort(self) -> None:
        """End now, whatever is in flight."""
        for stream in list(self.streams.values()):
            stream.cancel()
        super().abort()

    async def step_outside(self) -> Outcome:
        """End our side when the streams are over, and wait a little for the client to end its own."""
        self.wire.deadline = inf
        with trio.move_on_after(LINGERING_CLOSE) as self.cancel_scope:
            await self._output.wait_written()
            await self.wire.end_writing()
            while await self.wire.receive():
                await trio.lowlevel.checkpoint()
        return CLOSE
