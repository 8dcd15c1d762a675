"""One stream: a request and its response, under the rules of every exchange, in frames of HTTP/2.

A task of the pool runs the app for it. What the app reads and writes is bounded: its client may send no more than the
stream's window until the app has taken it, and a piece of the response that the client's window does not take keeps the
app waiting.
"""

import os
from collections.abc import Iterable
from errno import EPIPE
from math import inf

import trio

from trio_worker.asgi import Headers, Message
from trio_worker.http.exchange import Exchange
from trio_worker.http.response import COMPLETE, LENGTH, NONE, TRAILERS
from trio_worker.http.response_head import Prepared, count_body, header_lines
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.rules import Asked
from trio_worker.refusal import LATE_BODY, Refusal
from trio_worker.transport.bounds import DISCONNECT_GRACE

# Bytes of a file that are read at a time.
FILE_PIECE = 65536

# Bytes of a response that wait in the stream before its app does.
QUEUED = 65536


class StreamExchange(Exchange):
    """A request on a stream, and its response.

    Args:
        connection: that the stream is on.
        stream: its number.
        asked: the request.

    Attributes:
        stream: see above.
        deadline: when its client has been too slow, or its app has gone on for too long without a client.
    """

    connection: Carrier
    deadline = inf
    # Set when something of the request comes; and when what waits for the client's window may go on.
    _came: trio.Event | None = None
    _room: trio.Event | None = None

    def __init__(self, connection: Carrier, stream: int, asked: Asked) -> None:
        super().__init__(connection, asked.method, asked.target, "2", asked.headers, True)
        self.stream = stream

    # The request.

    def come(self, data: bytes) -> None:
        """Take a piece of the body, and refuse what is too large."""
        assert self.intake is not None
        self.body.append(data)
        refusal = self.intake.add(len(data), len(data), self.body_complete)
        if refusal is not None:
            self.give_up(refusal)
        self.wake()

    def end(self) -> None:
        """Take note of the end of the body."""
        self.body_complete = True
        self.wake()

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
            self.connection.session.inform(self.stream, [(b":status", b"100")])
            self.connection.flush_soon()

    def go_on(self) -> None:
        """Go on writing, if the client's window has taken some of what waits."""
        if self._room is not None and self.connection.session.queued(self.stream) <= QUEUED:
            self._room.set()

    def start_drain(self) -> None:
        """Do nothing: a request that has begun is served."""

    # The client that goes, or does nothing.

    def lose(self) -> None:
        """Tell the app if it waits for that, else cancel it; after its answer it is left alone."""
        if self.gone or (self.complete and self._room is None):
            return
        self.gone = True
        waits = self.waiting or self._came is not None
        self.disconnect()
        self.wake()
        if waits:
            self.connection.set_deadline(self, DISCONNECT_GRACE)
        else:
            self.cancel()

    def expire(self) -> None:
        """Act on the deadline: an app without its client, a window that stays closed, a body that does not come."""
        self.deadline = inf
        if self.gone:
            self.cancel()
            return
        if self.complete and self._room is None:
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

    def give_up(self, refusal: Refusal) -> None:
        """Cancel the app, and answer with this if it has not begun to."""
        self.disconnect()  # For an app that shields itself from that.
        self.cancel(refusal)

    # The response.

    def accept(self, headers: Headers) -> bytes:
        """Answer an extended CONNECT: the stream is a tunnel from here on (RFC 8441 section 5)."""
        self.begun = True
        header_lines(headers)
        self.connection.session.respond(self.stream, [(b":status", b"200"), *headers], end=False)
        self.connection.flush_soon()
        return b""

    def _send_head(self, end: bool) -> None:
        head = self._head
        if head is not None:
            self._head = None
            self.begun = True
            self.connection.session.respond(self.stream, self.service.heads.fields(head, self.status), end)
            self.service.counters.heads_out += len(head.lines)

    def _send_whole(self, head: Prepared, data: bytes, more: bool) -> tuple[bytes, ...]:
        end = not self._trailers
        only = end and not data
        self._send_head(only)
        if not only:
            self.connection.session.send(self.stream, data, end)
        self.sent, self._remaining = len(data), 0
        self._advance(more)
        if end:
            self._conclude()
        self.connection.flush_soon()
        return ()

    async def _send_piece(self, data: bytes, more: bool) -> None:
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        if self._framing is LENGTH:
            self._remaining = count_body(self._remaining, len(data), more)
        over = self._remaining == 0 and self._framing is LENGTH
        if self._framing is not NONE:
            self.sent += len(data)
        self._put(data, end=not self._trailers and (not more or over))
        self._advance(more)
        self.connection.flush_soon()
        if self._is_full():
            await self._write(())
        elif more:
            await self._take_turns()

    def _put(self, data: bytes, end: bool) -> None:
        """Hand a piece to the session, with the head where that has not left yet."""
        bodiless = self._framing is NONE
        if self._head is not None:
            only = bodiless or (end and not data)
            self._send_head(only)
            if only:
                self._conclude()
                return
        if not bodiless and not self.complete and (data or end):
            self.connection.session.send(self.stream, data, end)
            if end:
                self._conclude()

    def _conclude(self) -> None:
        """Take note that the session has the end of the response, before it leaves: the stream closes with it."""
        self.complete = True
        if self._ended is not None:
            self._ended.set()

    def _advance(self, more: bool) -> None:
        if not more:
            self.state = TRAILERS if self._trailers else COMPLETE

    def _is_full(self) -> bool:
        if self.connection.session.queued(self.stream) <= QUEUED:
            return False
        self.connection.flush()
        return self.connection.session.queued(self.stream) > QUEUED

    async def _write_parts(self, parts: object) -> None:
        """Wait until the client has taken what waits in the stream."""
        while self._is_full():
            if self.gone:
                raise BrokenPipeError(EPIPE, "the client has gone")
            self._room = trio.Event()
            self.connection.blocked.add(self)
            self.connection.set_deadline(self, self.service.options.write_timeout)
            try:
                await self._room.wait()
            finally:
                self.connection.blocked.discard(self)
                self._room = None
                self.deadline = inf
        if self.gone:
            raise BrokenPipeError(EPIPE, "the client has gone")

    async def _write_file_parts(self, descriptor: int, offset: int, size: int, more: bool) -> None:
        if self._framing is LENGTH:
            self._remaining = count_body(self._remaining, size, more)
        self._send_head(end=self._framing is NONE and not more)
        left = 0 if self._framing is NONE else size
        while left:
            data = await trio.to_thread.run_sync(os.pread, descriptor, min(left, FILE_PIECE), offset)
            if not data:
                self.connection.reset(self.stream, is_fault=True)
                raise EOFError("the file ended before the announced number of bytes")
            offset, left = offset + len(data), left - len(data)
            self.sent += len(data)
            self._put(data, end=not (left or more or self._trailers))
            self.connection.flush_soon()
            await self._write_parts(())
        if not size and not more:
            self._put(b"", end=not self._trailers)
        self.connection.flush_soon()

    async def _send_trailers(self, message: Message) -> None:
        header_lines(message.get("headers", ()))
        self._more_trailers.extend(message.get("headers", ()))
        if not message.get("more_trailers", False):
            self._trailers = False
            if self._framing is not NONE:
                fields = [(name.lower(), value) for name, value in self._more_trailers]
                self.connection.session.send_trailers(self.stream, fields)
            self._advance(more=False)
            self._conclude()
            self.connection.flush_soon()

    @property
    def _more_trailers(self) -> Headers:
        if self._kept_trailers is None:
            self._kept_trailers = []
        return self._kept_trailers

    _kept_trailers: Headers | None = None

    async def _send_hint(self, links: Iterable[bytes]) -> None:
        fields = [(b"link", link) for link in links]
        header_lines(fields)
        self.connection.session.inform(self.stream, [(b":status", b"103"), *fields])
        self.connection.flush_soon()
