"""A WebSocket session of an engine that knows ASGI alone: counted, and closed with 1012 when the worker drains.

The sessions of our own lane close in protocols/websocket/link.py.

RFC 6455; the close code 1012 (service restart) is registered with IANA and tells a client to connect again.
"""

import time
from typing import Any, Protocol

import trio

from trio_worker.asgi import App, Headers, Message, Notes, Receive, Record, Scope, Send
from trio_worker.master.metrics import Counters
from trio_worker.refusal import Refusal


class Runs(Record, Protocol):
    """A session as the fence knows it.

    Attributes:
        messages_in, messages_out: how many the app has received and sent.
        cancel_scope: the one that its app is in.
        is_over: whether the session has been ended by its client or by the worker, and not by the app.
    """

    messages_in: int
    messages_out: int
    cancel_scope: trio.CancelScope | None

    @property
    def is_over(self) -> bool: ...

    def cancel(self, refusal: Refusal) -> None:
        """Cancel the app, and close the session; a handshake that nobody has answered gets the refusal."""

    async def run(self, app: App, draining: trio.Event) -> None:
        """Run the app for it; what the app raises comes out."""

    async def shed(self, refusal: Refusal, added: Headers) -> None:
        """Refuse the handshake, with these headers besides, without an app."""


SERVICE_RESTART = 1012

# Seconds that a client has to answer our close frame before its session is cancelled.
CLOSE_GRACE = 2.0


class Session:
    """A session; its attributes are those of `trio_worker.asgi.Record`."""

    # Hypercorn does not say that a client has gone, and `send` raises nothing then.
    is_over = False

    __slots__ = (
        "_counters",
        "_receive",
        "_restarting",
        "_send",
        "began",
        "by_sendfile",
        "cancel_scope",
        "gone",
        "messages_in",
        "messages_out",
        "micros",
        "notes",
        "number",
        "refusal",
        "response_headers",
        "scope",
        "sent",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, counters: Counters) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._counters = counters
        self._restarting = False
        self.began = time.perf_counter()
        self.number = 0
        self.status = 0
        self.response_headers: Any = ()
        self.sent = 0
        self.micros = 0
        self.by_sendfile = False
        self.gone = False
        self.notes: Notes | None = None
        self.refusal: Refusal | None = None
        self.cancel_scope: trio.CancelScope | None = None
        self.messages_in = self.messages_out = 0

    async def run(self, app: App, draining: trio.Event) -> None:
        """Run the app's side of the session to its end; what the app raises comes out."""
        try:
            async with trio.open_nursery() as nursery:
                self.cancel_scope = nursery.cancel_scope
                nursery.start_soon(self._restart, draining, nursery.cancel_scope)
                await app(self.scope, self.receive, self.send)
                nursery.cancel_scope.cancel()
        finally:
            self.micros = int((time.perf_counter() - self.began) * 1_000_000)

    async def _restart(self, draining: trio.Event, session: trio.CancelScope) -> None:
        await draining.wait()
        self._restarting = True
        if self.status == 101:
            await self._send({"type": "websocket.close", "code": SERVICE_RESTART})
        await trio.sleep(CLOSE_GRACE)
        session.cancel()

    def cancel(self, refusal: Refusal) -> None:
        """Cancel the app; Hypercorn closes a session whose app has returned by 1011, or answers its handshake 500."""
        self.refusal = self.refusal or refusal
        if self.cancel_scope is not None:
            self.cancel_scope.cancel()

    async def shed(self, refusal: Refusal, added: Headers) -> None:
        """Refuse the handshake; an engine that knows ASGI alone has no way to say more than that."""
        await self._receive()
        await self._send({"type": "websocket.close"})

    async def receive(self) -> Message:
        """The app's next event; the end of a session that we closed is told with our own code."""
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self.messages_in += 1
            self._counters.messages_in += 1
            self._counters.bytes_in += _size(message)
        elif message["type"] == "websocket.disconnect" and self._restarting:
            message = {**message, "code": SERVICE_RESTART}
        return message

    async def send(self, message: Message) -> None:
        """Pass the app's message on and count it; after our own close there is nobody to pass it to."""
        kind = message["type"]
        if kind == "websocket.send":
            self.messages_out += 1
            self._counters.messages_out += 1
            self.sent += _size(message)
            self._counters.bytes_out += _size(message)
        elif kind == "websocket.accept":
            self._counters.sessions += 1
            self.status, self.response_headers = 101, message.get("headers", ())
        elif kind == "websocket.close" and not self.status:
            self.status = 403
        elif kind == "websocket.http.response.start":
            self.status, self.response_headers = message["status"], message.get("headers", ())
        if not (self._restarting and self.status == 101):
            await self._send(message)


def _size(message: Message) -> int:
    data = message.get("bytes")
    return len(message.get("text") or "") if data is None else len(data)
