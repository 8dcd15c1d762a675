"""The fence around the app: whatever an app does, its request ends there, is answered, counted and logged.

It keeps four promises to the protocols below it: an exception of the app goes no further, a request that is refused or
cancelled is answered, every request is counted once, and every request can be logged once.
"""

import contextlib
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from trio_worker.application import leftovers
from trio_worker.application.current import CURRENT
from trio_worker.application.running import AsgiRequest, Running, is_cancelled, leaves, split
from trio_worker.application.session import Runs, Session
from trio_worker.asgi import HEADS, RUNNING, App, Message, Receive, Record, Scope, Send, changed, type_of
from trio_worker.master.access_log.format import printable
from trio_worker.master.accounting import Ledger
from trio_worker.master.metrics import Counters
from trio_worker.refusal import APP_FAILED, Refusal

log = logging.getLogger(__name__)


class Application:
    """The app as the protocols run it.

    Args:
        app: the ASGI 3 callable.
        counters: of this worker.
        draining: set when the worker begins to drain.
        log_request: called with every request and WebSocket session at its end, None where they are not logged.
        added: headers that every response gets besides its own.
        ledger: where uWSGI's master looks whether the worker is busy.
        raised: called with every exception that leaves the app.

    Attributes:
        in_flight: the requests that run.
        sessions: the WebSocket sessions that run.
    """

    def __init__(
        self,
        app: App,
        counters: Counters,
        draining: trio.Event,
        log_request: Callable[[Record], None] | None = None,
        added: Sequence[tuple[bytes, bytes]] = (),
        ledger: Ledger | None = None,
        raised: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._app = _with_headers(app, added) if added else app
        self._added = added
        self._counters = counters
        self._ledger = ledger = ledger or Ledger()
        self._busy = ledger.busy
        self._raised = raised
        self.sessions: set[Runs] = set()
        self._draining = draining
        self._log_request = log_request
        self.in_flight: set[Running] = set()
        # Made when somebody waits until no request runs.
        self._idle: trio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request or WebSocket session of an engine that knows ASGI alone."""
        if scope["type"] == "websocket":
            await self.run_session(Session(scope, receive, send, self._counters))
            return
        request = AsgiRequest(scope, receive, send)
        scope["extensions"][RUNNING] = request
        with leftovers.MENDED, trio.CancelScope() as request.cancel_scope:
            task = trio.lowlevel.current_task()
            place = leftovers.place(task)
            await self.run(request)
            if leftovers.place(task) is not place:
                leftovers.tell(task, task.context)
        self._counters.bytes_in += request.intake.size

    async def run(self, request: Running) -> None:
        """Run the app for one request to its end. Only `trio.Cancelled` comes out of it."""
        self.in_flight.add(request)
        self._busy[0] = 1
        CURRENT.set(request)
        request.began = time.perf_counter()
        try:
            await self._app(request.scope, request.receive, request.send)
            if request.gone or not request.begun:
                await self._returned(request)
        except trio.Cancelled as error:
            if is_cancelled():
                await self._cancelled(request, error)
                raise
            await self._failed(request, error)
        except BaseExceptionGroup as group:
            cancelled, errors = split(group)
            if errors is not None:
                await self._failed(request, errors)
            if cancelled is not None:
                await self._cancelled(request, cancelled)
                raise cancelled from None
        except BaseException as error:
            # Whatever its class: `sys.exit` in a handler, or the `CancelledError` of a library that was made for
            # asyncio, is a mistake there, and not the end of the worker with all that it serves.
            await self._failed(request, error)
        finally:
            request.cancel_scope = None
            # A circle of the two would wait for the garbage collector.
            request.scope["extensions"].pop(RUNNING, None)
            self.in_flight.discard(request)
            request.micros = int((time.perf_counter() - request.began) * 1_000_000)
            self._counters.add(request)
            ledger = self._ledger
            ledger.requests[0] = request.number = ledger.base + self._counters.requests
            if self._log_request is not None:
                self._log_request(request)
            # After the counts: who sees an idle worker sees its work counted as well.
            if not self.in_flight and not self.sessions:
                self._busy[0] = 0
                if self._idle is not None:
                    self._idle.set()

    def count_running(self) -> int:
        """Count the requests and WebSocket sessions that run."""
        return len(self.in_flight) + len(self.sessions)

    async def wait_idle(self) -> None:
        """Wait until no request runs."""
        while self.in_flight:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _returned(self, request: Running) -> None:
        if request.gone:
            self._counters.disconnects += 1
        else:
            scope = request.scope
            log.error("the app returned without a response to %s %s", scope["method"], printable(scope["path"]))
            await self._refuse(request, APP_FAILED)

    async def _failed(self, request: Running, error: BaseException) -> None:
        scope = request.scope
        if request.gone:
            self._counters.disconnects += 1
            if _is_disconnect(error, request):
                return  # ASGI tells an app by an OSError from `send` that its client has gone.
        request.failed = True
        self._counters.exceptions += 1
        log.error("exception in %s %s", scope["method"], printable(scope["path"]), exc_info=error)
        if self._raised is not None:
            self._raised(error)
        await self._refuse(request, APP_FAILED)

    async def _cancelled(self, request: Running, error: BaseException) -> None:
        scope = request.cancel_scope
        if request.refusal is not None:
            await self._refuse(request, request.refusal)
        elif request.gone or request.failed or self._draining.is_set() or scope is None or scope.cancel_called:
            self._counters.disconnects += 1
        else:  # By a scope that the app has opened itself and has not left.
            await self._failed(request, error)

    async def give_up(self, request: Running, refusal: Refusal) -> None:
        """Answer in the place of an app that does not let itself be cancelled, or cut its response off; bounded.

        The app runs on, but its client waits no longer.
        """
        begun = request.begun
        if not begun:
            await self._refuse(request, refusal)
        request.cut_off(begun)

    async def _refuse(self, request: Running, refusal: Refusal) -> None:
        with contextlib.suppress(OSError, trio.BrokenResourceError):  # The client did not wait for its answer.
            await request.refuse(refusal, self._added)

    async def run_session(self, session: Runs, app: App | None = None) -> None:
        """Run the app for one WebSocket session to its end. Only `trio.Cancelled` comes out of it.

        Args:
            session: see `Runs`.
            app: to be run instead of the worker's.
        """
        self.sessions.add(session)
        self._busy[0] = 1
        CURRENT.set(session)
        try:
            await session.run(app or self._app, self._draining)
        except trio.Cancelled as error:
            if is_cancelled():
                raise
            self._session_failed(session, error)
        except BaseExceptionGroup as group:
            cancelled, errors = split(group)
            if errors is not None:
                self._session_failed(session, errors)
            if cancelled is not None:
                raise cancelled from None
        except BaseException as error:
            self._session_failed(session, error)
        finally:
            self._finish_session(session)
            if self._log_request is not None:
                self._log_request(session)

    def _finish_session(self, session: Runs) -> None:
        """To uWSGI a session is a request."""
        self.sessions.discard(session)
        self._ledger.base += 1
        self._ledger.requests[0] = session.number = self._ledger.base + self._counters.requests
        self._counters.add_session(session)
        if not self.in_flight and not self.sessions:
            self._busy[0] = 0

    def _session_failed(self, session: Runs, error: BaseException) -> None:
        if session.is_over and _is_disconnect(error, session):
            return  # ASGI tells an app by an OSError from `send` that its session has ended.
        self._counters.exceptions += 1
        log.error("exception in WebSocket %s", printable(session.scope["path"]), exc_info=error)
        if self._raised is not None:
            self._raised(error)


def _is_disconnect(error: BaseException, conversation: Any) -> bool:
    """Return True if it is nothing but what `send` or `receive` of a request or a session has told the app.

    Any other OSError, of a database or a file, is a mistake of the app's, however fast its client has left.
    """
    codes = {conversation.send.__func__.__code__, conversation.receive.__func__.__code__}
    return all(_comes_from(codes, each) for each in leaves(error))


def _comes_from(codes: set[Any], error: BaseException | None) -> bool:
    """Return True for an OSError that one of these functions has raised, not of a file, or that has such a cause."""
    while isinstance(error, OSError) and error.filename is None:
        if any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__)):
            return True
        error = error.__cause__
    return False


def _with_headers(app: App, added: Sequence[tuple[bytes, bytes]]) -> App:
    """Return the app with these headers in each of its responses (uWSGI's add-header)."""

    async def adding(scope: Scope, receive: Receive, send: Send) -> None:
        def add(message: Message) -> Awaitable[None]:
            if type_of(message) in HEADS:
                message = changed(message, lambda given: [*given, *added])
            return send(message)

        await app(scope, receive, add)

    return adding
