"""The response on a stream, in frames of HTTP/2: ASGI's messages in, what the session is to send out.

A piece that the client's window does not take keeps the app waiting, so what waits in a stream is bounded.
"""

import os
from errno import EPIPE
from math import inf

import trio

from trio_worker.asgi import Headers, Message
from trio_worker.http.app_rules import body_of, count_body, in_http2
from trio_worker.http.exchange import Exchange
from trio_worker.http.response import COMPLETE, LENGTH, NONE, TRAILERS
from trio_worker.http.response_head import Prepared
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.transport.threads import in_thread

# Bytes of a file that are read at a time.
FILE_PIECE = 65536

# Bytes of a response that wait in the stream before its app does.
QUEUED = 65536


class StreamResponse(Exchange):
    """The half of an exchange that the app writes.

    Attributes:
        stream: its number.
        deadline: when its client has been too slow.
    """

    connection: Carrier
    stream: int
    deadline = inf
    # Set when what waits for the client's window may go on.
    _room: trio.Event | None = None
    # How many bytes waited in the stream, and were written of all streams, when its client was last found to read.
    _seen = (0, 0)

    def accept(self, headers: Headers) -> bytes:
        """Answer an extended CONNECT: the stream is a tunnel from here on (RFC 8441 section 5)."""
        self.begun = True
        self.connection.session.respond(self.stream, [(b":status", b"200"), *in_http2(headers)], end=False)
        self.connection.flush_soon()
        return b""

    def _send_head(self, end: bool) -> None:
        head = self._head
        if head is not None:
            self._head = None
            self.begun = True
            try:
                self.connection.session.respond(self.stream, self.service.heads.fields(head), end)
            except OSError:
                self.gone = True  # The client's reset has been read, and is about to be acted upon; see intake.py.
                raise
            self.service.counters.heads_out += len(head.lines)

    def _send_whole(self, head: Prepared, data: bytes, more: bool) -> tuple[bytes, ...]:
        connection, heads = self.connection, self.service.heads
        self._head = None
        self.begun = True
        try:
            if self._trailers:
                connection.session.respond(self.stream, heads.fields(head), end=False)
                connection.session.send(self.stream, data, end=False)
            else:
                connection.session.answer(self.stream, heads.fields(head), data)
                self._conclude()
        except OSError:
            self.gone = True  # As above.
            raise
        self.service.counters.heads_out += len(head.lines)
        self.sent, self._remaining = len(data), 0
        if not more:
            self.state = TRAILERS if self._trailers else COMPLETE
        connection.flush_soon()
        return ()

    async def _send_piece(self, data: bytes, more: bool) -> None:
        if type(data) is not bytes:
            data = body_of(data)
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
            await self._take_turns(len(data))

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
            try:
                self.connection.session.send(self.stream, data, end)
            except OSError:
                self.gone = True  # As above.
                raise
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
            self.await_client()
            try:
                await self._room.wait()
            finally:
                self.connection.blocked.discard(self)
                self._room = None
                self.deadline = inf
        if self.gone:
            raise BrokenPipeError(EPIPE, "the client has gone")

    def await_client(self) -> None:
        """Begin the time in which the client has to read something."""
        connection = self.connection
        self._seen = connection.session.queued(self.stream), connection.bodies_written
        connection.set_deadline(self, self.service.options.write_timeout)

    def _is_read(self) -> bool:
        """Return True if the client has read since: of this stream, or of others while this one's turn is to come."""
        connection, (queued, written) = self.connection, self._seen
        if connection.session.queued(self.stream) < queued:
            return True
        # While the kernel takes nothing, the wire has a deadline for all of them.
        reads = connection.wire.stalled or connection.bodies_written > written
        return reads and connection.session.has_window(self.stream)

    async def _write_file_parts(self, descriptor: int, offset: int, size: int, more: bool) -> None:
        if self._framing is LENGTH:
            self._remaining = count_body(self._remaining, size, more)
        over = self._framing is NONE and not more
        self._send_head(over)
        if over:
            self._conclude()
        if self._framing is not NONE:
            try:
                await self._read_out(descriptor, offset, size, more)
            except BaseException:
                # The app may go on, but behind a part of a file nothing makes sense; what came before it still leaves.
                self.state = COMPLETE
                self._conclude()
                self.connection.part(self.stream, is_fault=True)
                raise
        self.connection.flush_soon()

    async def _read_out(self, descriptor: int, offset: int, left: int, more: bool) -> None:
        """Send so many bytes of a file from there, as fast as the client takes them."""
        if not left and not more:
            self._put(b"", end=not self._trailers)
        while left:
            data = await in_thread(os.pread, descriptor, min(left, FILE_PIECE), offset)
            if not data:
                raise EOFError("the file ended before the announced number of bytes")
            offset, left = offset + len(data), left - len(data)
            self.sent += len(data)
            self._put(data, end=not (left or more or self._trailers))
            self.connection.flush_soon()
            await self._write_parts(())

    async def _send_trailers(self, message: Message) -> None:
        self._take_trailers(message)
        if not message.get("more_trailers", False):
            self._trailers = False
            if self._framing is not NONE:
                try:
                    self.connection.session.send_trailers(self.stream, in_http2(self._trailer_fields))
                except OSError:
                    self.gone = True  # As above.
                    raise
            self._advance(more=False)
            self._conclude()
            self.connection.flush_soon()

    async def _send_hint(self, fields: Headers) -> None:
        try:
            self.connection.session.inform(self.stream, [(b":status", b"103"), *in_http2(fields)])
        except OSError:
            self.gone = True  # As above.
            raise
        self.connection.flush_soon()
