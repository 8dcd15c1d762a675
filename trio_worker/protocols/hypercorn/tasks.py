"""How Hypercorn's protocols run the app: the task group that they ask for, one task per request or session.

Hypercorn gives a protocol a `TaskGroup` with `spawn` and `spawn_app`. Ours differs from its own: each app task has a
cancel scope that others can reach, a client's disconnect is told to the app and then enforced, what the app raises
stays in its task, a body has a size and a time, and a response is held against its Content-Length.
"""

import logging
import math
import select
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trio_worker.application.running import AsgiRequest
from trio_worker.asgi import RUNNING, Message, Scope
from trio_worker.http.response_head import ResponseError
from trio_worker.http.service import Service
from trio_worker.protocols.hypercorn.bodies import BodyDeadlines, Count
from trio_worker.refusal import LATE_BODY, Refusal, text_headers, too_large
from trio_worker.transport.bounds import DISCONNECT_GRACE
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# Seconds that the last bytes of a response may take when the app has ended or was cancelled.
FAREWELL_DEADLINE = 2.0

# Pieces of a body that may wait on one HTTP/2 stream before all of its connection waits. The stream's own window closes
# long before that, so only a client that sends tiny ones gets there.
STREAM_PIECES = 256

# What the app gets when its client has gone; 1006 is a connection that was lost (RFC 6455 section 7.4.1).
_END: dict[str, Message] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1006},
}


class AppTask:
    """One call of the app: its events, its cancel scope, and whether its response is complete.

    Args:
        service: the worker's.
        scope: of the request or session.
        send: Hypercorn's side of ASGI's `send`; None tells it that the app has ended.
        wire: the connection.
        deadlines: of the bodies on this connection.

    Attributes:
        when_taken: called when the app has taken a piece and may be given more.
    """

    def __init__(
        self,
        service: Service,
        scope: Scope,
        send: Callable[[Message | None], Awaitable[None]],
        wire: Wire,
        deadlines: BodyDeadlines,
    ) -> None:
        self._service = service
        self._scope = scope
        self._send_to_client = send
        self._wire = wire
        self._deadlines = deadlines
        self._cancel_scope = trio.CancelScope()
        self._running = AsgiRequest(scope, self.receive, self.send)
        self._running.cancel_scope = self._cancel_scope
        scope["extensions"][RUNNING] = self._running
        self._to_app, self._events = trio.open_memory_channel[Message](math.inf)
        self._taken = trio.Event()
        self._queued = 0
        self.when_taken: Callable[[], Awaitable[None]] | None = None
        self._size = 0
        self._disconnect: Message | None = None
        self._waiting = False
        # Whether more of the request's body is to come from the client.
        self._body_open = scope["type"] == "http"
        # The head of the response, until the first piece of its body has been found to fit it.
        self._head: Message | None = None
        self._count: Count | None = None
        self._complete = False
        # Tasks of the app may send at the same time.
        self._turn = trio.Lock()

    # The client's side.

    async def __call__(self, event: Message) -> None:
        """Hand the app an event of its client; waits while too many are queued, so that the client waits too."""
        if event["type"] == _END[self._scope["type"]]["type"]:
            self._end(event)
        elif self._disconnect is None and self._may_come(event):
            self._to_app.send_nowait(event)
            self._queued += 1
            await self._wait_until_taken()

    def _may_come(self, event: Message) -> bool:
        """Account for a piece of the body; False where that is too large now."""
        if event["type"] == "http.request":
            self._size += len(event["body"])
            limit = self._service.options.limit_post
            if limit and self._size > limit:
                self.give_up(too_large(limit))
                return False
            self._service.counters.bytes_in += len(event["body"])
            self._body_open = event["more_body"]
        return True

    @property
    def is_full(self) -> bool:
        """Whether the client should send no more for now."""
        return self._queued > self._service.hypercorn.max_app_queue_size and self._disconnect is None

    async def _wait_until_taken(self) -> None:
        limit = STREAM_PIECES if self._scope["http_version"] == "2" else self._service.hypercorn.max_app_queue_size
        while self._queued > limit and self._disconnect is None:
            if _has_hung_up(self._wire):  # Nobody tells it again, and nobody reads up to the end meanwhile.
                self._end(_END[self._scope["type"]])
                return
            self._taken = trio.Event()
            await self._taken.wait()

    def _end(self, event: Message) -> None:
        if self._disconnect is None:
            self._close(event)
            if self._complete:
                return  # What the app does after its answer is its own business.
            self._running.gone = True
            # Who has been given an event waits no more, though its task has not run yet.
            if (self._waiting and not self._queued) or self._scope["type"] == "websocket":
                self._cancel_scope.deadline = trio.current_time() + DISCONNECT_GRACE
            else:
                self._running.cancel()

    def _close(self, event: Message) -> None:
        self._disconnect = event
        self._to_app.close()
        self._taken.set()

    def give_up(self, refusal: Refusal = LATE_BODY) -> None:
        """Cancel the app, and answer with this if it has not begun to."""
        self._running.cancel(refusal)
        self._close(_END[self._scope["type"]])  # For an app that shields itself from the cancellation.

    # The app's side.

    async def receive(self) -> Message:
        """ASGI's `receive`."""
        if self._body_open and self._disconnect is None:
            self._deadlines.begin(self)
        self._waiting = True
        try:
            event = await self._events.receive()
        except trio.EndOfChannel:
            assert self._disconnect is not None
            return self._disconnect
        finally:
            self._waiting = False
            self._deadlines.end(self)
        self._queued -= 1
        self._taken.set()
        if self.when_taken is not None and not self.is_full:
            await self.when_taken()
        return event

    async def send(self, message: Message) -> None:
        """ASGI's `send`.

        Raises:
            ResponseError: the head is not valid, or the body's length is not what it announces.
            OSError: the client has gone.
        """
        try:
            self._turn.acquire_nowait()  # No checkpoint: who is cancelled may still say so.
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            await self._send(message)
        finally:
            self._turn.release()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if self._running.gone and self._scope["type"] == "http":
            raise BrokenPipeError("the client has gone")
        if self._complete and kind in ("http.response.start", "http.response.body"):
            return  # As ASGI has it.
        if kind == "http.response.start" and not self._running.begun:
            self._start(message)
            return
        if kind == "http.response.body":
            self._running.begun = self._head is None
            message = self._take_piece(message)
        if self._head is not None and kind != "http.response.early_hint":
            head, self._head = self._head, None
            await self._send_to_client(head)
            self._running.begun = True
        await self._send_to_client(message)

    def _start(self, message: Message) -> None:
        if self._head is not None and not self._running.refusal:
            raise ResponseError("the app sent 'http.response.start' where only 'http.response.body' can come")
        head = {**message, "headers": list(message.get("headers", ()))}
        self._count = Count(self._scope["method"], head)
        self._head = head

    def _take_piece(self, message: Message) -> Message:
        data, more = bytes(memoryview(message.get("body", b""))), message.get("more_body", False)
        if self._count is not None:
            self._count.add(len(data), more)
            self._complete = self._complete or not more
        return {**message, "body": data}

    async def run(self) -> None:
        """Call the app, then tell the protocol that it has ended, whatever became of it."""
        try:
            with self._cancel_scope:
                if self._running.refusal is not None:
                    await self._refuse(self._running.refusal)
                elif self._scope["type"] == "http":
                    await self._service.application.run(self._running)
                else:
                    await self._service.application(self._scope, self.receive, self.send)
            self._report_unfinished()
        finally:
            self._close(self._disconnect or _END[self._scope["type"]])
            with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_DEADLINE):
                await self._send_to_client(None)

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer what no app has seen: more body than it may have came together with its head."""
        self._service.counters.add_refusal(refusal.status)
        body = refusal.body
        headers = text_headers(body)
        if self._scope["http_version"].startswith("1"):
            headers.append((b"connection", b"close"))
        with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_DEADLINE):
            await self.send({"type": "http.response.start", "status": refusal.status, "headers": headers})
            await self.send({"type": "http.response.body", "body": body})

    def _report_unfinished(self) -> None:
        running = self._running
        if running.begun and not (self._complete or running.gone or running.refusal):
            log.error("the app ended before its response to %s was complete", self._scope["raw_path"].decode("latin-1"))


def _has_hung_up(wire: Wire) -> bool:
    """Whether the client has closed its side, however much of it has not been read yet."""
    poll = select.poll()
    poll.register(wire.fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


class TaskGroup:
    """Hypercorn's task group on the nursery of one connection."""

    def __init__(self, service: Service, nursery: trio.Nursery, wire: Wire, deadlines: BodyDeadlines) -> None:
        self._service = service
        self._wire = wire
        self._nursery = nursery
        self._deadlines = deadlines

    async def spawn_app(
        self, app: Any, config: Any, scope: Scope, send: Callable[[Message | None], Awaitable[None]]
    ) -> AppTask:
        """Start the app for one request; returns what its client's events are handed to."""
        scope["root_path"] = self._wire.root_path or scope["root_path"]
        scope["extensions"].update(self._wire.extensions)
        task = AppTask(self._service, scope, send, self._wire, self._deadlines)
        self._nursery.start_soon(task.run)
        return task

    def spawn(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Start a task of the protocol itself."""
        self._nursery.start_soon(function, *args)
