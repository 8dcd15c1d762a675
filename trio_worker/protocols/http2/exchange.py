"""One stream: a request and its response, under the rules of every exchange, in frames of HTTP/2.

A task of a pool runs the app for it. What the app reads is bounded: its client may send no more than the stream's
window until the app has taken it.
"""

import contextlib
import logging
from collections.abc import Coroutine
from math import inf
from typing import Any

import trio

from trio_worker.asgi import Headers, Message
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.response import QUEUED, StreamResponse
from trio_worker.refusal import LATE_BODY, Refusal
from trio_worker.transport.bounds import DISCONNECT_GRACE

log = logging.getLogger(__name__)


class StreamExchange(StreamResponse):
    """A request on a stream, and its response.

    Args:
        connection: that the stream is on.
        stream: its number.
        method, target, headers: of the request.

    Attributes:
        stream: see above.
        deadline: when its client has been too slow, or its app has gone on for too long without a client.
    """

    version = "2"
    keep_alive = True
    # True once the app has ended.
    _is_over = False
    # Set when something of the request comes.
    _came: trio.Event | None = None

    def __init__(self, connection: Carrier, stream: int, method: str, target: bytes, headers: Headers) -> None:
        # The work of the base class, in one step: this is done for every request.
        self.connection = connection
        self.service = connection.service
        self.wire = connection.wire
        self.stream = stream
        self.method = method
        self.target = target
        self.headers = headers
        self.body = []

    # The task; see `http.service.Stream`.

    @property
    def has_begun(self) -> bool:
        """Return True if a task runs the app."""
        return self.cancel_scope is not None

    def run(self, cancel_scope: trio.CancelScope) -> Coroutine[Any, Any, None]:
        """Return the run of the app; of none where the client has gone before a task had time for the stream."""
        self.connection.fresh -= 1
        if self.gone:
            self.service.counters.disconnects += 1
            return _nothing()
        self.cancel_scope = cancel_scope
        self.body_ready = self.body_complete
        self.scope = self._make_scope()
        if self.refusal is not None:
            self.cancel()  # Too much of a body has come together with its head.
        return self.service.application.run(self)

    def wait(self) -> None:
        """Its connection is watched in any case."""

    def finish(self) -> None:
        """End the stream with the app, unless the two have ended together."""
        connection = self.connection
        if self.body:
            connection.consumed(self.stream, sum(map(len, self.body)))
        self._is_over = True
        if not self.complete and not (self.gone or self.failed or self.refusal):
            log.error("the app ended before its response to %s was complete", self.target.decode("latin-1"))
        if not (self.complete and self.body_complete):
            connection.part(self.stream, is_fault=not self.complete)
        connection.has_run(self)

    # The request.

    def come(self, data: bytes) -> None:
        """Take a piece of the body, and refuse what is too large."""
        assert self.intake is not None
        self.body.append(data)
        refusal = self.intake.add(len(data), len(data), self.body_complete)
        if refusal is not None:
            self.give_up(refusal)
        self._go_on_reading()

    def end(self) -> None:
        """Take note of the end of the body."""
        self.body_complete = True
        self._go_on_reading()

    def _go_on_reading(self) -> None:
        """Let the app have what has come. The time of a client that has to read something goes on."""
        if self._came is not None:
            self.deadline = inf
            self._came.set()

    def wake(self) -> None:
        """Go on, whatever is waited for."""
        self.deadline = inf
        for each in (self._came, self._room):
            if each is not None:
                each.set()

    async def receive(self) -> Message:
        """Return the next piece of the body; after the last one, the end of the exchange (ASGI's `receive`)."""
        message = await super().receive()
        if body := message.get("body"):
            self.connection.consumed(self.stream, len(body))
        return message

    async def _read_body(self) -> None:
        self._came = trio.Event()
        if self.intake is not None:
            self.intake.wait()
        self.connection.set_deadline(self, self.service.options.body_timeout)
        try:
            await self._came.wait()
        finally:
            self._came = None
            self.deadline = inf

    async def _continue(self) -> None:
        self.expects_continue = False
        if not (self.begun or self.body or self.body_complete):
            with contextlib.suppress(OSError):  # A reset has been read, and is about to be acted upon.
                self.connection.session.inform(self.stream, [(b":status", b"100")])
            self.connection.flush_soon()

    def go_on(self) -> None:
        """Go on writing, if the client's window has taken some of what waits."""
        if self._room is not None and self.connection.session.queued(self.stream) <= QUEUED:
            self._room.set()

    # The client that goes, or does nothing.

    def lose(self) -> None:
        """Take note that the client has gone, and let the app hear of it soon; after its answer it is left alone."""
        if not (self.gone or (self.complete and self._room is None)):
            self.gone = True
            self.service.turns.soon(self._tell)  # Hundreds may be lost at the same time, and each does something then.

    def _tell(self) -> None:
        """Tell the app if it waits for that, else cancel it."""
        waits = self.waiting or self._came is not None
        self.disconnect()
        self.wake()
        if waits:
            self.connection.set_deadline(self, DISCONNECT_GRACE)
            self.connection.lost.add(self)
        else:
            self.cancel()

    def stop(self) -> None:
        """End with the connection: its client hears nothing more."""
        self.gone = self.gone or not self.complete
        self.cancel()

    def expire(self) -> None:
        """Act on the deadline: an app without its client, a window that stays closed, a body that does not come."""
        self.deadline = inf
        if self.gone:
            self.cancel()
            return
        answered = self._is_over or self.complete
        if (answered or self._room is not None) and self._is_read():
            self.await_client()
            return
        if answered and self._room is None:
            self.connection.reset(self.stream, is_fault=True)
            return
        self.service.counters.timeouts += 1
        if self._room is not None:
            self.gone = True
            self.connection.reset(self.stream, is_fault=True)
            self.cancel()
            self.wake()
        else:
            self.give_up(LATE_BODY)

    def cut_off(self, amid: bool) -> None:
        """Reset the stream amid a response of the app's."""
        if amid and not self.complete:
            self.gone = True
            self.connection.reset(self.stream, is_fault=True)

    def give_up(self, refusal: Refusal) -> None:
        """Cancel the app, and answer with this if it has not begun to."""
        self.disconnect()  # For an app that shields itself from that.
        self.cancel(refusal)


async def _nothing() -> None:
    """Do nothing."""
