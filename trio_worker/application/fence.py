"""The ASGI app as the protocols call it: fenced, counted and logged.

One layer around the app, whatever protocol a request came by. It is plain ASGI 3, and it keeps four promises to the
layers below it: an exception of the app goes no further, a request that is refused or cancelled is answered, every
request is counted once, and every request can be logged once.
"""

import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import trio

from trio_worker.application.current import CURRENT
from trio_worker.application.session import Session
from trio_worker.asgi import HANDLE, App, Handle, Message, Notes, Receive, Record, Scope, Send
from trio_worker.master.access_log.format import printable
from trio_worker.master.accounting import Ledger
from trio_worker.master.metrics import Counters
from trio_worker.refusal import text_headers

log = logging.getLogger(__name__)

# Seconds that the answer to a cancelled request may take before the connection is given up.
REFUSAL_DEADLINE = 1.0

_REASONS: Mapping[int, bytes] = {
    400: b"The request is not valid HTTP.\n",
    408: b"The request took too long to arrive.\n",
    413: b"The request's body is larger than this server takes.\n",
    431: b"The request's trailers are larger than this server takes.\n",
    500: b"The server failed to answer this request.\n",
    503: b"The server is shutting down.\n",
    504: b"The request took longer than this server allows.\n",
}

# What an app raises goes no further than its request: `sys.exit` in a handler is a mistake there, and not the end of
# the worker with all that it serves.
FENCED = (Exception, SystemExit, KeyboardInterrupt)

# The messages that send a file; https://asgi.readthedocs.io/en/latest/extensions.html.
_SENDFILE = ("http.response.pathsend", "http.response.zerocopysend")

# The messages that have headers.
_HEADS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class Request:
    """One HTTP request while it runs, and afterwards what counters and log want to know of it.

    Attributes:
        scope: its ASGI scope.
        handle: what it is cancelled and answered by; the app may do with the scope what it likes.
        began: when it began, in seconds of `time.perf_counter`.
        number: how many requests the worker had served with this one, once it has ended.
        status: of the response, 0 before there is one.
        headers: the response's, as the app gave them.
        sent: bytes of the response's body.
        micros: how long it took, in microseconds, once it has ended.
        by_sendfile: whether the app has sent a file by its name or descriptor.
        notes: what the app has asked the log for.
    """

    # What every request begins with; an instance sets only what differs.
    number = 0
    status = 0
    headers: Any = ()
    sent = 0
    micros = 0
    by_sendfile = False
    notes: Notes | None = None

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.handle: Handle = scope["extensions"][HANDLE]
        self._send = send
        self.began = time.perf_counter()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass the app's message on and keep its figures. Not a coroutine itself: it only hands one on."""
        kind = message["type"]
        if kind == "http.response.body":
            self.sent += len(message.get("body", b""))
        elif kind == "http.response.start":
            if not self.handle.begun and isinstance(message["status"], int):
                self.status = message["status"]
                self.headers = message.get("headers", ())
        elif kind in _SENDFILE:
            self.by_sendfile = True
            self.sent += message.get("count") or _announced(self.headers)
        return self._send(message)

    def cancel(self, status: int = 0) -> None:
        """Cancel it from outside its task; see `Handle.cancel`."""
        self.handle.cancel(status)

    async def refuse(self, status: int) -> None:
        """Answer in the app's place, if the response has not begun; bounded, also in a cancelled task.

        A status that the request was cancelled with stands, whatever the app has made of the cancellation.
        """
        handle = self.handle
        if handle.begun:
            return
        handle.status = status = handle.status or status
        body = _REASONS[status]
        headers = text_headers(body)
        if self.scope["http_version"].startswith("1"):
            headers.append((b"connection", b"close"))
        with trio.CancelScope(shield=True, deadline=trio.current_time() + REFUSAL_DEADLINE):
            await self.send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send({"type": "http.response.body", "body": body})


class Application:
    """The fence around the app.

    Args:
        app: the ASGI 3 callable.
        counters: of this worker.
        draining: set when the worker begins to drain.
        log_request: called with every request and WebSocket session at its end, None where they are not logged.
        added: headers that every response gets besides its own.
        ledger: where uWSGI's master looks whether the worker is busy.
        raised: called with every exception that leaves the app.
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
        self._app = app
        self._counters = counters
        self._ledger = ledger = ledger or Ledger()
        self._busy = ledger.busy
        self._raised = raised
        self._sessions = 0
        self._draining = draining
        self._log_request = log_request
        self._added = added
        self.in_flight: set[Request] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run one request or WebSocket session to its end. Only `trio.Cancelled` comes out of it."""
        if self._added:
            send = _adding(self._added, send)
        run = self._http if scope["type"] == "http" else self._websocket
        return run(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, send)
        self.in_flight.add(request)
        self._busy[0] = 1
        CURRENT.set(request)
        try:
            await self._app(scope, receive, request.send)
            if request.handle.gone or not request.handle.begun:
                await self._returned(request)
        except trio.Cancelled:
            await self._cancelled(request)
            raise
        except FENCED as error:
            await self._failed(request, error)
        except BaseExceptionGroup as group:
            cancelled, errors = group.split(trio.Cancelled)
            if errors is not None:
                await self._failed(request, errors)
            if cancelled is not None:
                await self._cancelled(request)
                raise cancelled from None
        finally:
            self.in_flight.discard(request)
            self._finish(request)
            # After the counts: who sees an idle worker sees what it has done as well.
            if not self.in_flight and not self._sessions:
                self._busy[0] = 0

    async def _returned(self, request: Request) -> None:
        if request.handle.gone:
            self._counters.disconnects += 1
        else:
            scope = request.scope
            log.error("the app returned without a response to %s %s", scope["method"], printable(scope["path"]))
            await _quietly(request.refuse, 500)

    async def _failed(self, request: Request, error: BaseException) -> None:
        scope = request.scope
        if request.handle.gone:
            self._counters.disconnects += 1
            if _is_disconnect(error):
                return  # ASGI tells an app by an OSError from `send` that its client has gone.
        self._counters.exceptions += 1
        log.error("exception in %s %s", scope["method"], printable(scope["path"]), exc_info=error)
        if self._raised is not None:
            self._raised(error)
        await _quietly(request.refuse, 500)

    async def _cancelled(self, request: Request) -> None:
        if request.handle.status:
            await _quietly(request.refuse, request.handle.status)
        else:
            self._counters.disconnects += 1

    def _finish(self, request: Request) -> None:
        request.micros = int((time.perf_counter() - request.began) * 1_000_000)
        self._counters.add_request(request.status, request.micros, request.sent)
        ledger = self._ledger
        ledger.requests[0] = request.number = ledger.base + self._counters.requests
        if self._log_request is not None:
            self._log_request(request)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = Session(scope, receive, send, self._counters)
        self._sessions += 1
        self._busy[0] = 1
        CURRENT.set(session)
        try:
            await session.run(self._app, self._draining)
        except FENCED as error:
            self._session_failed(scope, error)
        except BaseExceptionGroup as group:
            cancelled, errors = group.split(trio.Cancelled)
            if errors is not None:
                self._session_failed(scope, errors)
            if cancelled is not None:
                raise cancelled from None
        finally:
            session.finish()
            self._finish_session(session)
            if self._log_request is not None:
                self._log_request(session)

    def _finish_session(self, session: Session) -> None:
        """To uWSGI a session is a request."""
        self._sessions -= 1
        self._ledger.base += 1
        self._ledger.requests[0] = session.number = self._ledger.base + self._counters.requests
        if not self.in_flight and not self._sessions:
            self._busy[0] = 0

    def _session_failed(self, scope: Scope, error: BaseException) -> None:
        self._counters.exceptions += 1
        log.error("exception in WebSocket %s", printable(scope["path"]), exc_info=error)
        if self._raised is not None:
            self._raised(error)


async def _quietly(refuse: Callable[[int], Awaitable[None]], status: int) -> None:
    with contextlib.suppress(OSError, trio.BrokenResourceError):  # The client did not wait for its answer.
        await refuse(status)


def _is_disconnect(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_disconnect, error.exceptions))
    return isinstance(error, OSError)


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The Content-Length, 0 without one."""
    return next((int(value) for name, value in headers if name.lower() == b"content-length" and value.isdigit()), 0)


def _adding(added: Sequence[tuple[bytes, bytes]], send: Send) -> Send:
    """`send` that gives every response these headers (uWSGI's add-header)."""

    def add(message: Message) -> Awaitable[None]:
        if message["type"] in _HEADS:
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        return send(message)

    return add
