"""The two ends of a session's bytes: what comes of the client up to the next message, and how the session ends.

A client is heard also while its app does not receive: bytes are taken apart when they come, up to a message, and no
further while that waits. So a slow app slows its client, and a client that closes or sends a ping is answered.
"""

import contextlib
import enum
import sys
from collections.abc import Awaitable, Callable
from errno import EPIPE

import trio
from websockets.frames import CloseCode

from trio_worker.http.service import Service
from trio_worker.protocols.websocket.messages import Messages
from trio_worker.protocols.websocket.outlet import Outlet
from trio_worker.transport.bounds import DISCONNECT_GRACE
from trio_worker.transport.wire import Wire

# Seconds that a client has to answer our close frame.
CLOSE_GRACE = 2.0

# Bytes of messages that are read while the app receives none, where that may be several of them: one more follows.
AHEAD_SIZE = 65536

# Frames that bring nothing, pings, pongs, fragments of a few bytes: so many at once, and then in a second.
IDLE_FRAMES, IDLE_RATE = 1024, 128

# RFC 6455 section 7.4.1, and 1012 of IANA's registry, which tells a client to connect again.
NORMAL, LOST, INTERNAL_ERROR, SERVICE_RESTART = 1000, 1006, 1011, 1012


class Phase(enum.Enum):
    """The phase of a session."""

    HANDSHAKE = "websocket.accept, websocket.close or websocket.http.response.start"
    DENYING = "websocket.http.response.body"
    OPEN = "websocket.send or websocket.close"
    CLOSING = "nothing: the session is closed, its client has not answered yet"
    CLOSED = "nothing: the session has ended"


HANDSHAKE, DENYING, OPEN, CLOSING, CLOSED = Phase


class Link:
    """The bytes of a session.

    Args:
        service: the worker's.
        wire: the connection's.
        messages: takes apart what comes.

    Attributes:
        phase: see Phase.
        gone: whether the client has closed, or left without a word, before our side has closed.
        ahead: how many messages are read while the app receives none.
        on_end: called when the session has ended, for an app that wants to hear of it also while it receives nothing.
    """

    gone = False
    phase = HANDSHAKE
    ahead = 1
    on_end: Callable[[], None] | None = None
    # True once the worker drains; and the event by which the app hears of the end, once there is one.
    _draining = False
    _end: tuple[int, str] | None = None
    # How many frames that bring nothing may still come, and when that was so.
    _credit, _credited = float(IDLE_FRAMES), 0.0
    # True when reading costs more than a message, so that it has to wait for its turn; and once it has done so.
    _slowly = _paused = False
    # Made while the app waits for the end of the handshake.
    _changed: trio.Event | None = None

    def __init__(self, service: Service, wire: Wire, messages: Messages) -> None:
        self._counters, self._turns = service.counters, service.turns
        self._clock = service.clock
        self._wire = wire
        self._outlet = Outlet(wire)
        self._messages = messages
        # A list, because an empty deque takes more than half a KiB, and nearly all of these are empty at any time.
        self._received: list[str | bytes] = []

    def _read(self) -> Awaitable[None] | None:
        """Read the wire once, or go on with what was read; return what is to be awaited before the next look.

        Not a coroutine function: an idle session is a stack of coroutines, and each of them takes a quarter of a KiB.
        """
        if self._draining and self.phase is OPEN and not self._messages.has_more and not self._wire.has_received():
            return self._close(SERVICE_RESTART, "")
        if (self._slowly or self._messages.deflated) and not self._paused:
            self._paused = True
            return self._turns.pause()
        self._paused = False
        if not self.read_now():
            return self._wire.wait()
        if self._received and not self._messages.rest:
            return None
        # A client that sends nothing but control frames makes no read wait, nor one that sends much in small frames.
        self._paused = True
        return self._turns.pause()

    def read_now(self) -> bool:
        """Take apart the next bytes up to a message; return False when none have come."""
        data, messages = b"", self._messages
        if not messages.rest:
            try:
                came = self._wire.receive_now()
            except OSError:
                came = b""
            if came is None:
                if self._outlet.unsent:
                    self._answer(b"")  # The client may have read meanwhile, and nobody else writes.
                return False
            if not came:
                self.lose()
                return True
            data = came
        answer = messages.take(data, self._received)
        if messages.rest:
            self._slowly = True
        elif self._slowly:
            self._slowly = False
        if messages.idle > 0 and not self._pays():
            answer += messages.refuse(CloseCode.POLICY_VIOLATION, "frames that bring nothing")
        if answer:
            self._answer(answer)
        if messages.closed is not None:
            self._end_by_client(*messages.closed)
        return True

    def read_ahead(self) -> None:
        """Take apart what has come while the app receives nothing, a part of it for each message that may be ahead."""
        for _ in range(self.ahead):
            if self._has_enough() or self.phase not in (OPEN, CLOSING) or not self.read_now():
                return

    @property
    def held(self) -> int:
        """The bytes that are kept of messages, on their way or until the app takes them."""
        return self._messages.held + sum(map(sys.getsizeof, self._received))

    def end_for_size(self) -> None:
        """End by 1009: there is no room for what the client sends, of which nothing is kept."""
        self._answer(self._messages.refuse(CloseCode.MESSAGE_TOO_BIG, "the sessions of this connection keep too much"))
        if self._messages.closed is not None:
            self._end_by_client(*self._messages.closed)

    def _pays(self) -> bool:
        """Count frames that bring nothing; return False when there were too many."""
        now = self._clock.now
        credit = min(IDLE_FRAMES, self._credit + (now - self._credited) * IDLE_RATE)
        self._credit, self._credited = credit - self._messages.idle, now
        self._messages.idle = 0
        return self._credit >= 0

    def _end_by_client(self, code: int, reason: str) -> None:
        if self.phase is OPEN:
            self._end = (code, reason)
            self.gone = True
        self.phase = CLOSED
        self._wire.deadline = self._clock.now + DISCONNECT_GRACE
        if self.on_end is not None:
            self.on_end()

    def lose(self) -> None:
        """Take note that the client has gone without a word."""
        if self.phase is not CLOSED:
            self._end = self._end or (LOST, "")
            self.gone = self.gone or self.phase is not CLOSING
            self.phase = CLOSED
            self._change()
            self._wire.wake(False)  # The app may wait for bytes that do not come any more.
            if self.on_end is not None:
                self.on_end()
        self._wire.deadline = self._clock.now + DISCONNECT_GRACE

    def leave(self) -> None:
        """Take note that nobody is there any more, while something that came before waits for the app.

        The app is given that first, and then hears of the end; each receive gives it time anew.
        """
        self.gone = True
        self._wire.deadline = self._clock.now + DISCONNECT_GRACE

    async def _write(self, make: Callable[[], bytes]) -> None:
        try:
            await self._outlet.write_made(make)
        except OSError:
            self.gone = True  # Also where it is a close that could not leave any more.
            self.lose()
            raise

    def _make(self, payload: str | bytes) -> bytes:
        """Return the frame of a message that had to wait. Raises OSError where the session has ended meanwhile."""
        if self.phase is not OPEN:
            raise BrokenPipeError(EPIPE, "the session has ended")
        return self._messages.pack(payload)

    async def settle(self) -> None:
        """Write what has not left yet; waits, and raises OSError where the client has gone."""
        await self._outlet.settle()

    def _answer(self, data: bytes, is_last: bool = False) -> None:
        """Send a control frame without waiting; the last one is not dropped, however full the way is."""
        try:
            self._outlet.answer(data, is_last or self._messages.closed is not None)
        except OSError:
            self.lose()

    async def _close(self, code: int, reason: str) -> None:
        """Close our side, behind what other tasks have sent before; the client has a while to close its own."""
        await self._write(lambda: self._make_close(code, reason))
        if self.phase is CLOSING:
            self._wire.deadline = self._clock.now + CLOSE_GRACE

    def _make_close(self, code: int, reason: str) -> bytes:
        """Return the frame of a close whose turn has come; nothing where the session has ended meanwhile."""
        if self.phase is not OPEN:
            return b""
        self.phase, self._end = CLOSING, (code, reason)
        return self._messages.close(code, reason)

    async def await_close(self, heard: Callable[[int], None]) -> None:
        """Wait until the client has answered our close; messages that still come are for nobody.

        Args:
            heard: called with the number of bytes that have come.
        """
        self._answer(b"")  # Of the close, what has not left yet.
        while self.phase is CLOSING:
            data, messages = b"", self._messages
            if not messages.rest:
                with contextlib.suppress(OSError):
                    data = await self._wire.receive()
                if not data:
                    return self.lose()
                heard(len(data))
            self._answer(messages.take(data, []))
            if messages.closed is not None:
                self._end_by_client(*messages.closed)
            await self._turns.pause()

    def _change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # The calls of the worker and of the clock.

    def start_drain(self) -> None:
        """Close by 1012 when the app has had what was received; the worker drains."""
        self._draining = True
        if self.phase is OPEN:
            self._wire.deadline = self._clock.now + CLOSE_GRACE
            if (self._wire.reading or self._is_heard()) and not self._wire.has_received():
                self.close_now(SERVICE_RESTART)

    def _is_heard(self) -> bool:
        """Return True if the app hears of the end, and nothing waits for it."""
        return self.on_end is not None and not self.is_ahead

    def close_now(self, code: int, heard: int | None = None) -> None:
        """Close our side without waiting.

        Args:
            code: that the client gets.
            heard: the code that the app hears, the same where there is none.
        """
        if self.phase is OPEN:
            self._answer(self._messages.close(code, ""), is_last=True)
            self.phase, self._end = CLOSING, (heard or code, "")
            self._wire.deadline = self._clock.now + CLOSE_GRACE

    def ping(self) -> int:
        """Send a ping, and return how many pongs have come before."""
        self._answer(self._messages.ping())
        return self._messages.pongs

    @property
    def is_over(self) -> bool:
        """True if the session ends by its client or by the worker, and not by the app."""
        return self.gone or self._draining

    @property
    def pongs(self) -> int:
        """The number of pongs that have come."""
        return self._messages.pongs

    @property
    def is_ahead(self) -> bool:
        """True if as much waits for the app as may: nothing more is read then."""
        return self._has_enough() or self._messages.has_more

    def _has_enough(self) -> bool:
        received = self._received
        return len(received) >= self.ahead or (bool(received) and sum(map(len, received)) >= AHEAD_SIZE)
