"""How Hypercorn's protocols run the app: the task group that they ask for, one task per request or session.

Hypercorn gives a protocol a `TaskGroup` with `spawn` and `spawn_app`. Ours differs from its own in three ways: each
app task has a cancel scope that others can reach, a client's disconnect is told to the app and then enforced, and
what the app raises stays in its task.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trio_worker.asgi import HANDLE, Handle, Message, Scope
from trio_worker.service import Service
from trio_worker.wire import Wire

# Seconds that an app which is told of a disconnect by `receive()` has before it is cancelled as well.
DISCONNECT_GRACE = 1.0

# Seconds that the last bytes of a response may take when the app has ended or was cancelled.
FAREWELL_DEADLINE = 2.0

_END = {"http": "http.disconnect", "websocket": "websocket.disconnect"}


class AppTask:
    """One call of the app: its events, its cancel scope, and whether its response is complete."""

    def __init__(self, service: Service, scope: Scope, send: Callable[[Message | None], Awaitable[None]]) -> None:
        self._service = service
        self._scope = scope
        self._send_to_client = send
        self._handle = Handle(trio.CancelScope())
        scope["extensions"][HANDLE] = self._handle
        self._to_app, self._events = trio.open_memory_channel[Message](math.inf)
        self._taken = trio.Event()
        self._queued = 0
        self._disconnect: Message | None = None
        self._waiting = False
        self._complete = False

    async def put(self, event: Message) -> None:
        """Hand the app an event of its client; waits while too many are queued, so that the client waits too."""
        if event["type"] == _END[self._scope["type"]]:
            self._end(event)
            return
        if event["type"] == "http.request":
            self._service.counters.bytes_in += len(event["body"])
        self._to_app.send_nowait(event)
        self._queued += 1
        while self._queued > self._service.hypercorn.max_app_queue_size and self._disconnect is None:
            self._taken = trio.Event()
            await self._taken.wait()

    def _end(self, event: Message) -> None:
        self._disconnect = event
        self._to_app.close()
        self._taken.set()
        if self._complete:
            return  # What the app does after its answer is its own business.
        self._handle.gone = True
        if self._waiting or self._scope["type"] == "websocket":
            self._handle.cancel_scope.deadline = trio.current_time() + DISCONNECT_GRACE
        else:
            self._handle.cancel()

    async def receive(self) -> Message:
        """ASGI's `receive`."""
        self._waiting = True
        try:
            event = await self._events.receive()
        except trio.EndOfChannel:
            assert self._disconnect is not None
            return self._disconnect
        finally:
            self._waiting = False
        self._queued -= 1
        self._taken.set()
        return event

    async def send(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._complete = True
        await self._send_to_client(message)
        self._handle.begun = True

    async def run(self) -> None:
        """Call the app, then tell the protocol that it has ended, whatever became of it."""
        try:
            with self._handle.cancel_scope:
                await self._service.application(self._scope, self.receive, self.send)
        finally:
            self._to_app.close()
            self._taken.set()
            self._disconnect = self._disconnect or {"type": _END[self._scope["type"]]}
            with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_DEADLINE):
                await self._send_to_client(None)


class TaskGroup:
    """Hypercorn's task group on the nursery of one connection."""

    def __init__(self, service: Service, nursery: trio.Nursery, wire: Wire) -> None:
        self._service = service
        self._wire = wire
        self._nursery = nursery

    async def spawn_app(
        self, app: Any, config: Any, scope: Scope, send: Callable[[Message | None], Awaitable[None]]
    ) -> Callable[[Message], Awaitable[None]]:
        """Start the app for one request; returns what puts its client's events to it."""
        scope["root_path"] = self._wire.root_path or scope["root_path"]
        scope["extensions"].update(self._wire.extensions)
        task = AppTask(self._service, scope, send)
        self._nursery.start_soon(task.run)
        return task.put

    def spawn(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Start a task of the protocol itself."""
        self._nursery.start_soon(function, *args)
