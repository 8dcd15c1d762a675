"""The response half of an exchange: ASGI's messages in, HTTP/1 on the wire (RFC 9112).

    START -> BODY -> (TRAILERS) -> COMPLETE

The head leaves together with the first piece of the body, in one system call. An answer whose Content-Length has been
reached is complete, so the empty last message that frameworks send costs nothing.
"""

import enum
from collections.abc import Sequence
from errno import EPIPE
from typing import Protocol

import trio

from trio_worker.asgi import Message
from trio_worker.http.app_rules import BODILESS, ResponseError, body_of, count_body, no_message
from trio_worker.http.response_head import Prepared, prepare
from trio_worker.http.service import Service
from trio_worker.http.writing import JOIN_LIMIT, Writing
from trio_worker.transport.wire import Bytes

# Messages between two checkpoints: a client that reads as fast as the app writes never makes a write wait, nor does one
# to whom nothing is written any more, and would otherwise keep everybody else waiting.
MESSAGES_AT_ONCE = 64

LAST_CHUNK = b"0\r\n\r\n"


class State(enum.Enum):
    """The progress of a response, by what the app may send next."""

    START = "http.response.start"
    BODY = "http.response.body"
    TRAILERS = "http.response.trailers"
    COMPLETE = "nothing more"


class Framing(enum.Enum):
    """The way in which the client finds the end of the body (RFC 9112 section 6.3)."""

    UNDECIDED = "the first message of the body decides"
    NONE = "there is no body"
    LENGTH = "by Content-Length"
    CHUNKED = "by the last chunk"
    CLOSE = "by the end of the connection"


# A member of an Enum costs a call of Python code each time on Python 3.11; these names cost nothing.
START, BODY, TRAILERS, COMPLETE = State
UNDECIDED, NONE, LENGTH, CHUNKED, CLOSE = Framing


class Drain(enum.Enum):
    """The progress of a connection towards its end, as the worker wants it."""

    OPEN = "requests are served as long as the client likes"
    LEAVING = "the next answer that nothing is queued behind says that it is the last"
    LAST_CALL = "what has come already is answered, then the connection ends"
    SHUT = "the kernel was told that nothing more is read, so it may look as if the client had closed its side"


OPEN, LEAVING, LAST_CALL, SHUT = Drain


class Ending(Protocol):
    """The connection of a response, as far as the response asks for its end.

    Attributes:
        drain: see Drain; while it is OPEN, no response but one that says so itself ends the connection.
    """

    drain: Drain

    @property
    def ends_here(self) -> bool:
        """Return True if the connection is to end with the response that begins now."""


class Response(Writing):
    """One response on its way to the client: the half of an exchange that the app writes.

    There is one for each request, so what every one begins with stands in the class, and an instance sets only what
    differs.

    Attributes:
        connection, service: whose the request is.
        method: of the request.
        version: of the request, "1.0" or "1.1".
        keep_alive: whether the client lets the connection go on; once the head has left, whether it does.
        may_chunk: whether the protocol knows chunks.
        head_is_whole: whether the head of an answer with a length says nothing of the connection in any case.
        expects_continue: whether the client waits to be asked for the body (RFC 9110 section 10.1.1).
        state: see State.
        complete: whether all of it has been written, whatever the app still does.
    """

    connection: Ending
    service: Service
    method: str
    version: str
    keep_alive: bool
    may_chunk = True
    head_is_whole = False
    expects_continue = False
    state = START
    complete = False
    _framing = UNDECIDED
    # The bytes of an announced body that are still to come; -1 where none is announced.
    _remaining = -1
    _messages = 0
    _trailers = False
    _head: Prepared | None = None
    # Made when the app waits for the end of the exchange, set when it comes.
    _ended: trio.Event | None = None

    async def send(self, message: Message) -> None:
        """Send a message of the app (ASGI's `send`).

        Tasks of the app may send at the same time; what comes after the end is ignored, as ASGI says.

        Raises:
            ResponseError: the message cannot come now, or has something invalid in it.
            OSError: the client has gone.
        """
        try:
            try:
                kind = message["type"]
            except (KeyError, TypeError):
                raise no_message(message) from None
            if self._writing:
                await self._in_turn(self.send, message)
            elif self.gone and not self.complete:
                await trio.lowlevel.checkpoint()
                raise BrokenPipeError(EPIPE, "the client has gone")
            elif kind == "http.response.start" and not self.complete:
                self._start(message)
            elif kind == "http.response.body" and self.state is BODY:
                data, more, head = message.get("body", b""), message.get("more_body", False), self._head
                if head is not None and type(data) is bytes and len(data) == self._remaining <= JOIN_LIMIT:
                    if rest := self._send_whole(head, data, more):
                        await self._write(rest)
                elif more and self._framing is CHUNKED and head is None and type(data) is bytes and data:
                    if rest := self._send_amid(data):
                        await self._write(rest)
                    await self._take_turns(len(data))
                else:
                    await self._send_piece(data, more)
            else:
                await self._send_extension(kind, message)
                await self._take_turns(0)
        except Exception:
            await trio.lowlevel.checkpoint()  # An app that goes on all the same must not keep the others waiting.
            raise

    async def _take_turns(self, size: int) -> None:
        """Let others have their turn now and then; each 16 KiB of a message count as one more."""
        self._messages += 1 + (size >> 14)
        if self._messages >= MESSAGES_AT_ONCE:
            self._messages = 0
            await self.service.turns.pause()

    async def _send_extension(self, kind: str, message: Message) -> None:
        self._reject(kind)

    def _reject(self, kind: str) -> None:
        """Raise ResponseError for a message that cannot come now; one behind the end is ignored."""
        if not self.complete:
            raise ResponseError(f"the app sent {kind!r} where only {self.state.value!r} can come")

    # The head.

    def _start(self, message: Message) -> None:
        if self.state is not START and (self.begun or self.refusal is None):
            self._reject(message["type"])
            return
        self._head = head = prepare(message.get("status"), message.get("headers", ()))
        self.status = status = head.status
        self.response_headers = head.headers
        if head.close:
            self.keep_alive = False
        if self._trailers or "trailers" in message:
            self._trailers = message.get("trailers", False)
        if self.method == "HEAD" or status in BODILESS:
            self._framing, self._remaining = NONE, -1
        else:
            self._framing, self._remaining = UNDECIDED if head.length < 0 else LENGTH, head.length
        self.state = BODY

    def _decide(self, size: int, more: bool) -> bytes:
        """Frame a body whose length the app has not announced, and return the header line that says so."""
        may_chunk = self.may_chunk and self.version == "1.1"
        if not more and not (self._trailers and may_chunk):
            self._framing, self._remaining = LENGTH, size
            return b"content-length: %d\r\n" % size
        if may_chunk:
            self._framing = CHUNKED
            return b"transfer-encoding: chunked\r\n"
        self._framing = CLOSE
        self.keep_alive, self.wire.withholds_end = False, True
        return b""

    def _take_head(self, head: Prepared, framing: bytes) -> bytes:
        """Return the head, once; from here on nobody can answer in the app's place."""
        self.begun = True
        self._head = None
        if not self.keep_alive or self.connection.ends_here:
            self.keep_alive = False
            framing += b"connection: close\r\n"
        elif self.version == "1.0":
            framing += b"connection: keep-alive\r\n"
        lines = self.service.heads.write(head, framing)
        self.service.counters.heads_out += len(lines)
        return lines

    # The body.

    def _send_whole(self, head: Prepared, data: bytes, more: bool) -> Sequence[Bytes]:
        """Send what nearly every response is, a head and all of its body, in one step; return what is left to write."""
        if self.head_is_whole or (
            self.keep_alive and self.connection.drain is OPEN and self.version == "1.1" and not self.expects_continue
        ):
            self.begun = True
            lines = self.service.heads.write(head)
            self.service.counters.heads_out += len(lines)
        else:
            lines = self._take_head(head, b"")
        whole = lines + data
        try:
            sent = self.wire.try_send(whole)
        except OSError:
            self.gone = True
            raise
        self._head = None
        self._remaining = 0
        self.sent = len(data)
        if not more:
            self.state = TRAILERS if self._trailers else COMPLETE
        self.complete = True
        if self._ended is not None:
            self._ended.set()
        return () if sent == len(whole) else (memoryview(whole)[sent:],)

    def _send_amid(self, data: bytes) -> Sequence[Bytes]:
        """Send what most pieces of a long body are, a chunk amid it, in one step; return what is left to write."""
        size = len(data)
        line = b"%x\r\n" % size
        parts = (line, data, b"\r\n") if size > JOIN_LIMIT else (line + data + b"\r\n",)
        self.sent += size
        return () if self.wire.gather(*parts) else self._write_now(parts)

    async def _send_piece(self, data: bytes, more: bool) -> None:
        if type(data) is not bytes:
            data = body_of(data)  # An error comes now, while the response can still become a 500.
        amid = more and self._head is None
        parts = self._pack(data, more)
        gathered = not parts or (amid and self._remaining != 0 and self.wire.gather(*parts))
        rest = () if gathered else self._write_now(parts)
        if self._framing is not NONE:
            self.sent += len(data)
        if rest or (self._framing is CLOSE and not more):  # Behind the end of the connection nothing can leave.
            await self._write(rest)
        self._advance(more)
        if more:
            await self._take_turns(len(data))

    def _pack(self, data: bytes, more: bool) -> Sequence[Bytes]:
        """Return the next piece of the body as it is to be written, behind the head where that has not left yet."""
        framing = self._decide(len(data), more) if self._framing is UNDECIDED else b""
        if self._framing is LENGTH:
            self._remaining = count_body(self._remaining, len(data), more)
        parts: tuple[bytes, ...] = (data,) if data and self._framing is not NONE else ()
        if self._framing is CHUNKED:
            parts = self._chunk(data, more)
        if self._head is not None:
            parts = (self._take_head(self._head, framing), *parts)
        return parts

    def _chunk(self, data: bytes, more: bool) -> tuple[bytes, ...]:
        """Return a chunk (RFC 9112 section 7.1); an empty piece is none, for that would be the last one."""
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
            if self._framing is CLOSE:
                # The client cannot see the end before we end our side, and the app may go on for long.
                self.wire.withholds_end = False
                self.wire.end_writing()
            if self._ended is not None:
                self._ended.set()
