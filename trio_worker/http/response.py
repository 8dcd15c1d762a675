"""The response half of an exchange: ASGI's messages in, HTTP/1 on the wire (RFC 9112).

    START -> BODY -> (TRAILERS) -> COMPLETE

The head leaves together with the first piece of the body, in one system call. An answer whose Content-Length has been
reached is complete, so the empty last message that frameworks send costs nothing.
"""

import enum
from collections.abc import Sequence

import trio

from trio_worker.asgi import Message
from trio_worker.http.response_head import Prepared, ResponseError, count_body, prepare
from trio_worker.http.writing import JOIN_LIMIT, Bytes, Channel, Writing

# Pieces of a streamed body between two checkpoints: a client that reads as fast as the app writes never makes a write
# wait, and would otherwise keep everybody else waiting.
PIECES_AT_ONCE = 64

LAST_CHUNK = b"0\r\n\r\n"

__all__ = ["Channel", "Framing", "Response", "State"]


class State(enum.Enum):
    """Where a response stands, by what the app may send next."""

    START = "http.response.start"
    BODY = "http.response.body"
    TRAILERS = "http.response.trailers"
    COMPLETE = "nothing more"


class Framing(enum.Enum):
    """How the client knows where the body ends (RFC 9112 section 6.3)."""

    UNDECIDED = "the first message of the body decides"
    NONE = "there is no body"
    LENGTH = "by Content-Length"
    CHUNKED = "by the last chunk"
    CLOSE = "by the end of the connection"


# A member of an Enum costs a call of Python code each time on Python 3.11; these names cost nothing.
START, BODY, TRAILERS, COMPLETE = State
UNDECIDED, NONE, LENGTH, CHUNKED, CLOSE = Framing


class Response(Writing):
    """One response on its way to the client: the half of an exchange that the app writes.

    There is one for each request, so what every one begins with stands in the class, and an instance sets only what
    differs.

    Attributes:
        method: of the request.
        version: of the request, "1.0" or "1.1".
        keep_alive: whether the client lets the connection go on; once the head has left, whether it does.
        state: see State.
        complete: whether all of it has been written, whatever the app still does.
    """

    method: str
    version: str
    keep_alive: bool
    state = START
    complete = False
    _framing = UNDECIDED
    _remaining = 0
    _pieces = 0
    _trailers = False
    _trailer_lines = b""
    _head: Prepared | None = None

    async def send(self, message: Message) -> None:
        """ASGI's `send`. Tasks of the app may send at the same time; what comes after the end is ignored, as ASGI says.

        Raises:
            ResponseError: the message cannot come now, or has something invalid in it.
            OSError: the client has gone.
        """
        kind = message["type"]
        if self._writing:
            await self._in_turn(self.send, message)
        elif kind == "http.response.body" and self.state is BODY:
            data, more = message.get("body", b""), message.get("more_body", False)
            head = self._head
            if head is not None and self._is_whole(data):
                rest = self._write_whole(head, data)
            else:
                parts = self._pack(data, more)
                rest = self._write_now(parts) if parts else parts
            if rest:
                await self._write(rest)
            self._advance(more)
            if more and not self.complete:
                self._pieces += 1
                if not self._pieces % PIECES_AT_ONCE:
                    await trio.lowlevel.checkpoint()
        elif kind == "http.response.start":
            self._start(message)
        else:
            await self._send_extension(kind, message)

    async def _send_extension(self, kind: str, message: Message) -> None:
        self._refuse(kind)

    def _refuse(self, kind: str) -> None:
        """A message that cannot come now."""
        if not self.complete:
            raise ResponseError(f"the app sent {kind!r} where only {self.state.value!r} can come")

    # The head.

    def _start(self, message: Message) -> None:
        handle = self._channel.handle
        if self.state is not START and (handle.begun or not handle.status):
            self._refuse(message["type"])
            return
        status = message["status"]
        self._head = head = prepare(status, message.get("headers", ()))
        self.keep_alive = self.keep_alive and not head.close
        self._trailers = message.get("trailers", False)
        if self.method == "HEAD" or status in (204, 304):
            self._framing = NONE
        else:
            self._framing = UNDECIDED if head.length < 0 else LENGTH
            self._remaining = head.length
        self.state = BODY

    def _decide(self, size: int, more: bool) -> bytes:
        """Frame a body whose length the app has not announced; returns the header line that says so."""
        may_chunk = self._channel.may_chunk and self.version == "1.1"
        if not more and not (self._trailers and may_chunk):
            self._framing, self._remaining = LENGTH, size
            return b"content-length: %d\r\n" % size
        if may_chunk:
            self._framing = CHUNKED
            return b"transfer-encoding: chunked\r\n"
        self._framing = CLOSE
        self.keep_alive = False
        return b""

    def _take_head(self, head: Prepared, framing: bytes) -> bytes:
        """The head, once; from here on nobody can answer in the app's place."""
        channel = self._channel
        channel.handle.begun = True
        self._head = None
        if channel.closing or not self.keep_alive:
            self.keep_alive = False
            framing += b"connection: close\r\n"
        elif self.version == "1.0":
            framing += b"connection: keep-alive\r\n"
        lines = channel.heads.write(head, framing)
        channel.counters.heads_out += len(lines)
        return lines

    # The body.

    def _pack(self, data: bytes, more: bool) -> Sequence[Bytes]:
        """The next piece of the body as what is to be written, the head before it where that has not left yet."""
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # A TypeError comes now, while the response can still become a 500.
        framing = self._decide(len(data), more) if self._framing is UNDECIDED else b""
        if self._framing is LENGTH:
            self._remaining = count_body(self._remaining, len(data), more)
        parts: tuple[bytes, ...] = (data,) if data and self._framing is not NONE else ()
        if self._framing is CHUNKED:
            parts = self._chunk(data, more)
        if self._head is not None:
            parts = (self._take_head(self._head, framing), *parts)
        return parts

    def _is_whole(self, data: bytes) -> bool:
        """Whether this is what nearly every response is: one piece of bytes as long as its Content-Length says."""
        return self._framing is LENGTH and type(data) is bytes and len(data) == self._remaining <= JOIN_LIMIT

    def _write_whole(self, head: Prepared, data: bytes) -> Sequence[Bytes]:
        """Write it in one system call without waiting; returns what is left."""
        self._remaining = 0
        return self._write_one_now(self._take_head(head, b"") + data)

    def _chunk(self, data: bytes, more: bool) -> tuple[bytes, ...]:
        """RFC 9112 section 7.1; an empty piece is no chunk, for that would be the last one."""
        end = b"" if more or self._trailers else LAST_CHUNK
        if data:
            return b"%x\r\n" % len(data), data, b"\r\n" + end
        return (end,) if end else ()

    def _advance(self, more: bool) -> None:
        """Note what has been written; while a write waits, the client may still go without its answer."""
        if not more:
            self.state = TRAILERS if self._trailers else COMPLETE
        if self.state is COMPLETE or (self._framing is LENGTH and not self._remaining):
            self.complete = True
            self._completed()

    def _completed(self) -> None:
        """The client has all of it."""
