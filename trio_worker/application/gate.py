"""The gate before the app, where the ini wants one: a health check, a bound of requests in flight, a last request.

    health check?  ->  answered by the worker
    room?          ->  wait in order for it, or be shed: 503 with Retry-After
    the last one?  ->  the worker begins to end with it
    the app, as `Application` runs it

A worker without any of these options has a plain `Application` and pays nothing for it.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trio_worker.application.fence import Application
from trio_worker.application.request_id import Marker, marker
from trio_worker.application.running import Running
from trio_worker.application.session import Runs
from trio_worker.asgi import RUNNING, App, Headers, Message, Notes, Receive, Scope, Send
from trio_worker.refusal import Refusal

# To those who read the log it is the worker that sheds.
log = logging.getLogger("trio_worker.worker")

READY = Refusal(200, "This worker serves.")
DRAINING = Refusal(503, "This worker drains.")
NO_SUCH_METHOD = Refusal(405, "The health check is read with GET or HEAD.")
OVERLOADED = Refusal(503, "The server has more requests than it can serve; try again soon.", "shed")

# Seconds between two lines in the log that say how much is shed.
COMPLAINT_INTERVAL = 10.0


class Room:
    """The requests that may run at a time, and the order in which others wait.

    As many wait as there are connections and streams for them: `trio-max-connections` bounds those.

    Args:
        size: requests that run at a time.
        timeout: seconds that one waits at most.
        pause: lets others have their turn; hundreds may have waited for too long at the same time, and are answered.

    Attributes:
        timeout: see above.
        leave: gives a place back.
    """

    def __init__(self, size: int, timeout: float, pause: Callable[[], Awaitable[None]]) -> None:
        self._free = trio.Semaphore(size)
        self._pause = pause
        self.timeout = timeout
        self.leave = self._free.release

    async def enter(self) -> bool:
        """Take a place, in order; return False when none gets free in time."""
        try:
            self._free.acquire_nowait()
        except trio.WouldBlock:
            with trio.move_on_after(self.timeout):
                await self._free.acquire()
                return True
            await self._pause()
            return False
        return True


class GatedApplication(Application):
    """An application behind a gate; its other arguments are those of `Application`.

    Args:
        health: the path of the health check, None where there is none.
        room: for requests, None where their number has no bound.
        begun: called with every request before its app is.
        mark: gives requests that no app sees their ids.

    Attributes:
        serves: whether the health check says so; a worker that begins to end says no.
    """

    def __init__(
        self,
        *arguments: Any,
        health: str | None = None,
        room: Room | None = None,
        begun: Callable[[Running], object] | None = None,
        mark: Marker | None = None,
    ) -> None:
        super().__init__(*arguments)
        self.serves = True
        self._health = health
        self._room = room
        self._begun = begun
        self._mark = mark or marker("")
        retry = math.ceil(room.timeout) if room is not None else 0
        self._retry: Headers = [(b"retry-after", b"%d" % max(1, retry))]
        # Requests shed since the log has said so, and when it did, on Trio's clock.
        self._shed, self._complained = 0, -math.inf

    async def run(self, request: Running) -> None:
        """Let a request through to the app, or answer it here. Only `trio.Cancelled` comes out of it."""
        if request.scope["path"] == self._health:
            await self._answer(request, self._tell_health(request.scope["method"]), [])
        elif self._room is None:
            await self._run_next(request)
        elif await self._enter(self._room, request):
            try:
                await self._run_next(request)
            finally:
                self._room.leave()

    async def _run_next(self, request: Running) -> None:
        if self._begun is not None:
            self._begun(request)
        await super().run(request)

    def _tell_health(self, method: str) -> Refusal:
        if method not in ("GET", "HEAD"):
            return NO_SUCH_METHOD
        return READY if self.serves else DRAINING

    async def _enter(self, room: Room, request: Running) -> bool:
        """Wait for a place; return False when the request has been answered without one."""
        began = time.perf_counter()
        try:
            entered = await room.enter()
        except trio.Cancelled as error:
            self._identify(request)
            await self._cancelled(request, error)
            self._put_away(request)
            raise
        if entered:
            request.queued = time.perf_counter() - began
        else:
            self._count_shed()
            request.refusal = OVERLOADED
            await self._answer(request, OVERLOADED, self._retry)
            self._log_shed(request, began)
        return entered

    def _log_shed(self, request: Running, began: float) -> None:
        request.began, request.queued = began, time.perf_counter() - began
        request.micros = int(request.queued * 1_000_000)
        request.number = self._ledger.base + self._counters.requests
        if self._log_request is not None:
            self._log_request(request)

    def _identify(self, request: Running) -> None:
        """Give a request its id, for its answer and for the log."""
        request.marks = tuple(self._mark(request.scope["headers"]))
        for _, identity in request.marks:
            request.notes = Notes()
            request.notes.logvars["request_id"] = identity.decode()

    async def _answer(self, request: Running, answer: Refusal, headers: Headers) -> None:
        self._identify(request)
        try:
            await request.answer(answer, [*headers, *self._added])
        except (OSError, trio.BrokenResourceError):
            pass  # The client did not wait for its answer.
        finally:
            self._put_away(request)

    def _put_away(self, request: Running) -> None:
        request.cancel_scope = None
        request.scope["extensions"].pop(RUNNING, None)

    def _count_shed(self) -> None:
        counters = self._counters
        counters.shed += 1
        counters.add_refusal(OVERLOADED.status)
        self._shed += 1
        if (now := trio.current_time()) >= self._complained + COMPLAINT_INTERVAL:
            log.warning("overload: %d requests shed (trio-max-requests-in-flight, trio-queue-timeout)", self._shed)
            self._shed, self._complained = 0, now

    # WebSockets: their handshakes are requests, until they are answered.

    async def run_session(self, session: Runs, app: App | None = None) -> None:
        """Let a handshake through to the app, or refuse it. Only `trio.Cancelled` comes out of it."""
        room = self._room
        if room is None:
            await super().run_session(session, app)
        elif await room.enter():
            place = _Place(app or self._app, room)
            try:
                await super().run_session(session, place)
            finally:
                place.leave()
        else:
            self._count_shed()
            await session.shed(OVERLOADED, [*self._retry, *self._added, *self._mark(session.scope["headers"])])


class _Place:
    """The place of a handshake in the room, as an app around the app: it is free when the handshake is answered."""

    def __init__(self, app: App, room: Room) -> None:
        self._app = app
        self._room: Room | None = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            await send(message)
            self.leave()

        await self._app(scope, receive, answer)

    def leave(self) -> None:
        """Give the place to the next one, once."""
        if self._room is not None:
            self._room.leave()
            self._room = None
