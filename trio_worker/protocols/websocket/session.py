"""One WebSocket session as an ASGI app sees it (https://asgi.readthedocs.io/en/latest/specs/www.html#websocket).

    HANDSHAKE -> OPEN -> CLOSING -> CLOSED          the app accepts, one side closes, then the other
              -> DENYING -> CLOSED                  the app answers with a response of its own instead

There is no second task: the app's own `receive` reads the wire, and while the app does something else bytes are read
only when they come, and only up to the next message. So a slow app slows its client, and a client that closes is
heard all the same.
"""

import contextlib
import logging
import time
from errno import EPIPE
from math import inf
from typing import Any

import trio

from trio_worker.asgi import RUNNING, App, Headers, Message, Notes
from trio_worker.http import app_rules
from trio_worker.http.app_rules import ResponseError
from trio_worker.http.exchange import Exchange
from trio_worker.http.response import START
from trio_worker.master.access_log.format import printable
from trio_worker.protocols.websocket.handshake import Handshake, make_scope
from trio_worker.protocols.websocket.link import (
    CLOSE_GRACE,
    CLOSED,
    CLOSING,
    DENYING,
    HANDSHAKE,
    INTERNAL_ERROR,
    LOST,
    NORMAL,
    OPEN,
    SERVICE_RESTART,
    Link,
)
from trio_worker.protocols.websocket.messages import Messages
from trio_worker.refusal import APP_FAILED, SHUTTING_DOWN, Refusal
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# Messages that an app sends or receives between two checkpoints; see http/response.py.
MESSAGES_AT_ONCE = 32

_FORBIDDEN = Refusal(403, "The app has refused this WebSocket.")


class WebSocketSession(Link):
    """A session; the attributes that are not listed are those of `asgi.Record`.

    Args:
        wire: the connection's.
        exchange: the request that asked for it, by which it is accepted or answered.
        handshake: what was agreed on.
        max_size: bytes that a message may have.
    """

    number = 0
    status = 0
    response_headers: Any = ()
    sent = 0
    micros = 0
    by_sendfile = False
    notes: Notes | None = None
    refusal: Refusal | None = None
    messages_in = messages_out = 0
    # True once the app has been told of the handshake.
    _told = False
    _count = 0

    def __init__(self, wire: Wire, exchange: Exchange, handshake: Handshake, max_size: int) -> None:
        super().__init__(exchange.service, wire, Messages(max_size, handshake.extensions))
        self._exchange = exchange
        self._handshake = handshake
        self.cancel_scope = exchange.cancel_scope
        self.scope = make_scope(exchange, handshake)
        self.began = time.perf_counter()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.phase.name} {self.scope['path']!r}>"

    async def run(self, app: App, draining: trio.Event) -> None:
        """Run the app for the session; what it raises comes out, and the session is closed by 1011 then."""
        extensions = self.scope["extensions"]
        extensions[RUNNING] = self
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException:
            await self._finish(INTERNAL_ERROR)
            raise
        else:
            self._returned()
            await self._finish(NORMAL)
        finally:
            extensions.pop(RUNNING, None)  # A circle of the two would wait for the garbage collector.
            self.micros = int((time.perf_counter() - self.began) * 1_000_000)

    def cancel(self, refusal: Refusal) -> None:
        """Cancel the app; the session is closed by 1011, a handshake that nobody has answered gets the refusal."""
        self.refusal = self.refusal or refusal
        if self.cancel_scope is not None:
            self.cancel_scope.cancel()

    def _returned(self) -> None:
        """Say it where the app has returned, and the client waits for an answer or for more of it."""
        if self.phase not in (HANDSHAKE, DENYING) or self.is_over or self.refusal is not None:
            return
        path = printable(self.scope["path"])
        if self._exchange.begun:
            log.error("the app ended before its response to WebSocket %s was complete", path)
        else:
            log.error("the app returned without a response to WebSocket %s", path)

    async def _finish(self, code: int) -> None:
        """Close what the app has left open, behind all that it has sent.

        A client that reads nothing has its usual time for that, and less where the task has been cancelled.
        """
        is_cancelled = trio.current_effective_deadline() == -inf
        with trio.CancelScope(shield=True) as scope:
            if is_cancelled:
                scope.deadline = trio.current_time() + CLOSE_GRACE
            try:
                if self.phase is HANDSHAKE:
                    await self._refuse(self.refusal or (SHUTTING_DOWN if self._draining else APP_FAILED))
                elif self.phase is DENYING:
                    await self._exchange.refuse(APP_FAILED, ())  # Where nothing of its response has left yet.
                    self.status = self._exchange.status
                elif self.phase is OPEN:
                    await self._close(SERVICE_RESTART if self._draining else code, "")
            except OSError:
                self.lose()

    # The app's side.

    async def receive(self) -> Message:
        """Return the next event of the client (ASGI's `receive`)."""
        if not self._told:
            self._told = True
            return {"type": "websocket.connect"}
        if self._count >= MESSAGES_AT_ONCE:
            self._count = 0
            await self._turns.pause()
        while not self._received:
            if self.phase is HANDSHAKE or self.phase is DENYING:
                await self._wait_for_change()
            elif self.phase is CLOSED:
                await trio.lowlevel.checkpoint()  # An app that asks again and again must not keep the others waiting.
                return self._disconnect()
            elif (pause := self._read()) is not None:
                await pause
        message = self._received.pop(0)
        if self.gone:
            self.leave()
        self.messages_in += 1
        self._count += 1 + (len(message) >> 15)
        counters = self._counters
        counters.messages_in += 1
        if isinstance(message, bytes):
            counters.bytes_in += len(message)
            return {"type": "websocket.receive", "bytes": message, "text": None}
        counters.bytes_in += len(message) if message.isascii() else app_rules.size_of(message)
        return {"type": "websocket.receive", "text": message, "bytes": None}

    def _disconnect(self) -> Message:
        code, reason = self._end or (LOST, "")
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def _wait_for_change(self) -> None:
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    async def send(self, message: Message) -> None:
        """Send a message of the app (ASGI's `send`).

        Raises:
            ResponseError: the message cannot come now, or has something invalid in it.
            OSError: the session has ended, or is closed.
        """
        try:
            try:
                kind = message["type"]
            except (KeyError, TypeError):
                raise app_rules.no_message(message) from None
            if kind != "websocket.send" or self.phase is not OPEN:
                await self._send_other(kind, message)
                return
            text, payload = message.get("text"), message.get("bytes")
            if type(text) is str and payload is None:
                payload = text
            elif text is not None or type(payload) is not bytes:
                payload = app_rules.payload_of(text, payload)
        except Exception:
            await trio.lowlevel.checkpoint()  # An app that goes on all the same must not keep the others waiting.
            raise
        size = len(payload) if type(payload) is bytes or payload.isascii() else app_rules.size_of(payload)
        outlet = self._outlet
        try:
            if outlet.busy:
                await outlet.write_made(lambda: self._make(payload))
            else:
                frame = self._messages.pack(payload)
                # The answers to messages that have come together leave together.
                if not (self._received and outlet.gather(frame)) and (rest := outlet.write_now(frame)):
                    await outlet.write(rest)
        except OSError:
            self.lose()
            raise
        counters = self._counters
        counters.messages_out += 1
        counters.bytes_out += size
        self.sent += size
        self.messages_out += 1
        self._count += 1 + (size >> 15)
        if self._count >= MESSAGES_AT_ONCE:
            self._count = 0
            await self._turns.pause()

    async def _send_other(self, kind: str, message: Message) -> None:
        if self.phase is OPEN and kind == "websocket.close":
            await self._send_close(message)
        elif self.phase is OPEN:
            raise ResponseError(f"the app sent {kind!r} where only {self.phase.value} can come")
        elif self.phase in (CLOSING, CLOSED) and not (self._denies(kind) and self.status != 101 and not self.gone):
            await trio.lowlevel.checkpoint()
            if kind != "websocket.close":
                raise BrokenPipeError(EPIPE, "the session has ended")
        else:
            try:
                await self._send_early(kind, message)
            except OSError:
                if self.phase is DENYING and not self._exchange.gone:
                    raise  # Of a file, which the app cannot send.
                self.lose()
                self.gone = True  # Also behind a refusal, with which a session is closed.
                raise

    @staticmethod
    def _denies(kind: object) -> bool:
        return isinstance(kind, str) and kind.startswith("websocket.http.response.")

    async def _send_early(self, kind: str, message: Message) -> None:
        if self.phase is HANDSHAKE and kind == "websocket.accept":
            await self._accept(message)
        elif self.phase is HANDSHAKE and kind == "websocket.close":
            await self._refuse(_FORBIDDEN)
        elif self._denies(kind):
            await self._deny({**message, "type": kind.removeprefix("websocket.")})
        else:
            raise ResponseError(f"the app sent {kind!r} where only {self.phase.value} can come")

    async def _send_close(self, message: Message) -> None:
        await self._close(*app_rules.close_of(message.get("code", NORMAL), message.get("reason")))

    async def _accept(self, message: Message) -> None:
        subprotocol = app_rules.subprotocol_of(message.get("subprotocol"), self._handshake.subprotocols)
        headers = app_rules.accepted(message.get("headers", ()))
        head = self._exchange.accept([*self._handshake.answer(subprotocol), *headers])
        del self._exchange, self._handshake  # Nothing of them is needed any more: idle sessions come in thousands.
        self.status, self.response_headers = 101, headers or ()
        self._counters.sessions += 1
        self.phase = OPEN
        self._change()
        if head:
            await self._write(lambda: head)
        if self._draining:
            await self._close(SERVICE_RESTART, "")

    async def _refuse(self, refusal: Refusal, added: Headers | tuple[()] = ()) -> None:
        """Answer the handshake in the app's place; a close before the accept is a 403, as ASGI says."""
        self.phase = CLOSED
        self._end = (LOST, "")
        self._change()
        self.status = refusal.status
        await self._exchange.refuse(refusal, added)

    async def shed(self, refusal: Refusal, added: Headers) -> None:
        """Refuse the handshake without an app."""
        with contextlib.suppress(OSError):
            await self._refuse(refusal, added)

    async def _deny(self, message: Message) -> None:
        """Pass on a response of the app's own (the extension websocket.http.response)."""
        if message["type"] == "http.response.start":
            app_rules.check_denial(message.get("status"))
        try:
            await self._exchange.send(message)
        except ResponseError as error:  # It names a message of HTTP.
            raise ResponseError(str(error).replace("http.response.", "websocket.http.response.")) from None
        self.phase = HANDSHAKE if self._exchange.state is START else DENYING
        self.status, self.response_headers = self._exchange.status, self._exchange.response_headers
        self.sent = self._exchange.sent
        if self._exchange.complete:
            self.phase = CLOSED
            self._change()
