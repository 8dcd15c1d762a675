"""A WebSocket whose handler reads its messages itself.

Quart-Trio reads in a second task of the session, which queues up to ten messages for the handler and cancels it when
the client has gone; a message then wakes three times what it could wake once. Here the handler's `receive` asks the
server, and the server, which hears its clients in any case, calls back when one goes while the handler does something
else. All names of Quart and Quart-Trio in this file are public ones.
"""

from functools import cache
from typing import Any

import quart.wrappers
import trio
from quart.signals import websocket_received, websocket_sent
from quart.wrappers import Websocket
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIWebsocketConnection

from trio_worker.asgi import RUNNING, Receive, Scope, Send

# Messages that are read while the handler receives none, as many as Quart-Trio's queue takes: what is behind them, be
# it that the client closes, is heard when the handler goes on.
AHEAD = 10

# The parts of a connection: up to Quart-Trio 0.12 it has the queue, from 0.13 on the `buffer` of its Websocket is one.
_PARTS = {"app", "scope", "_accepted", "_closed"}
_WITH_QUEUE, _WITH_BUFFER = _PARTS | {"send_channel", "receive_channel"}, _PARTS | {"_disconnected"}

# From 0.13 on an exception of its own tells who sends or receives that the client has gone.
_DISCONNECTED: type[Exception] | None = getattr(quart.wrappers, "ClientDisconnectedError", None)
_GONE = OSError if _DISCONNECTED is None else (OSError, _DISCONNECTED)


def check() -> None:
    """Hold Quart-Trio's connection against what is known here.

    Raises:
        AttributeError: one of its methods is missing.
        TypeError: it consists of something else.
    """
    app: Any = QuartTrio("trio_worker.quart", static_folder=None)
    stock = TrioASGIWebsocketConnection(app, {"type": "websocket"})  # type: ignore[typeddict-item]
    for name in ("handle_messages", "handle_websocket", "send_data"):
        getattr(stock, name)
    parts = vars(stock).keys()
    if parts == _WITH_BUFFER:
        for name in ("get", "put", "disconnect"):
            getattr(_buffer_class(app), name)
    elif parts != _WITH_QUEUE:
        raise TypeError(f"a WebSocket's connection has {sorted(parts)}")


def _buffer_class(app: Any) -> Any:
    return getattr(app.websocket_class, "buffer_class", None)


def install(app: Any) -> None:
    """Give an app that kept Quart-Trio's connection class, and its buffer, the direct one."""
    if app.asgi_websocket_class is TrioASGIWebsocketConnection and _buffer_class(app) is _buffer_class(QuartTrio):
        app.websocket_class = faster(app.websocket_class)
        app.asgi_websocket_class = DirectWebsocketConnection


class DirectWebsocketConnection(TrioASGIWebsocketConnection):
    """Quart-Trio's connection class without a task that reads, for sessions that tell of their end."""

    _incoming: "Incoming | None" = None

    def __init__(self, app: Any, scope: Scope) -> None:
        super().__init__(app, scope)  # type: ignore[arg-type]
        session = (scope.get("extensions") or {}).get(RUNNING)
        # A receiver of the signal is told of a message when it comes, so it must be read when it comes.
        if session is not None and not websocket_received.receivers:
            self.receive_channel: Any = Incoming(app, session)
            self._incoming = self.receive_channel

    async def __call__(self, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Serve the session."""
        if self._incoming is not None:
            self._incoming.ask = receive
        await super().__call__(receive, send)  # type: ignore[arg-type]

    async def handle_messages(self, nursery: trio.Nursery, *others: Any) -> None:  # type: ignore[override]
        """Read nothing: the handler does."""
        if self._incoming is None:
            await super().handle_messages(nursery, *others)

    async def handle_websocket(self, nursery: trio.Nursery, websocket: Any, send: Send) -> None:  # type: ignore[override]
        """Run the handler, which is cancelled when the client has gone."""
        if self._incoming is None:
            await super().handle_websocket(nursery, websocket, send)  # type: ignore[arg-type]
            return
        websocket.buffer = self._incoming
        self._incoming.begin(nursery.cancel_scope)
        try:
            await super().handle_websocket(nursery, websocket, send)  # type: ignore[arg-type]
        finally:
            self._incoming.end()

    async def send_data(self, send: Send, data: str | bytes) -> None:  # type: ignore[override]
        """Do what Quart's connection does; where the client has gone, the handler is cancelled."""
        text, binary = (data, None) if isinstance(data, str) else (None, data)
        try:
            await send({"type": "websocket.send", "bytes": binary, "text": text})
        except _GONE:
            if self._incoming is not None and self._incoming.is_over:
                await self._incoming.leave()
            raise
        if websocket_sent.receivers:
            await websocket_sent.send_async(data)


class Incoming:
    """The messages of one session, as Quart uses the receiving end of a memory channel, or a Websocket's buffer.

    Args:
        app: whose signals are sent.
        session: the server's, which reads ahead and calls back.

    Attributes:
        ask: ASGI's `receive`, once the session is served.
    """

    __slots__ = ("_app", "_asking", "_cancel_scope", "_session", "_waiting", "ask")

    ask: Receive

    def __init__(self, app: Any, session: Any) -> None:
        self._app, self._session = app, session
        self._cancel_scope: trio.CancelScope | None = None
        # True while a task of the app asks; the others wait in the lot, which is made for the first of them.
        self._asking = False
        self._waiting: trio.lowlevel.ParkingLot | None = None

    def begin(self, cancel_scope: trio.CancelScope) -> None:
        """Have the handler's scope cancelled when the client has gone."""
        self._cancel_scope = cancel_scope
        self._session.ahead, self._session.on_end = AHEAD, self._hear_end

    def end(self) -> None:
        """Take note that the handler has ended."""
        self._session.on_end = None

    def _hear_end(self) -> None:
        # A task that asks is given what came before, and hears of the end then.
        if not self._asking and self._cancel_scope is not None:
            self._cancel_scope.cancel()

    @property
    def is_over(self) -> bool:
        """True if the session ends, and the app has not ended it."""
        ends: bool = self._session.is_over
        return ends

    async def leave(self) -> None:
        """Cancel the handler, whose client has gone, from within it; returns where a shield holds that off."""
        if self._cancel_scope is not None:
            self._cancel_scope.cancel()
        await trio.lowlevel.checkpoint()

    async def receive(self) -> str | bytes:
        """Return the next message of the client."""
        while self._asking:
            await self._wait_for_turn()
        self._asking = True
        try:
            while (event := await self.ask())["type"] != "websocket.receive":
                if event["type"] == "websocket.disconnect":
                    await self.leave()
                    if _DISCONNECTED is not None:
                        raise _DISCONNECTED
                    await trio.sleep_forever()
        finally:
            self._asking = False
            if self._waiting is not None:
                self._waiting.unpark()
        data: str | bytes = event["text"] if (binary := event.get("bytes")) is None else binary
        if websocket_received.receivers:
            await websocket_received.send_async(data, _sync_wrapper=self._app.ensure_async)
        return data

    get = receive

    async def _wait_for_turn(self) -> None:
        if self._waiting is None:
            self._waiting = trio.lowlevel.ParkingLot()
        await self._waiting.park()


@cache
def faster(stock: Any) -> Any:
    """Return the websocket class of an app, which asks its connection to accept until that is done, and not again."""
    if stock.accept is not Websocket.accept:
        return stock

    class Faster(stock):  # type: ignore[misc]
        _is_accepted = False

        async def accept(self, headers: Any = None, subprotocol: str | None = None) -> None:
            if not self._is_accepted:
                await super().accept(headers, subprotocol)
                self._is_accepted = True

    Faster.__name__, Faster.__qualname__ = stock.__name__, stock.__qualname__
    Faster.__module__, Faster.__doc__ = stock.__module__, stock.__doc__
    return Faster
