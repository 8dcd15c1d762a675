"""The response half of an exchange: ASGI's messages in, HTTP/1 on the wire (RFC 9112).

    START -> BODY -> (TRAILERS) -> COMPLETE

The head leaves together with the first piece of the body, in one system call. An answer whose Content-Length has been
reached is complete, so the empty last message that frameworks send costs nothing.
"""

import enum
import os
from collections.abc import Iterable, Mapping
from typing import Protocol

import trio

from trio_worker.asgi import Handle, Message
from trio_worker.response_head import ResponseError, header_lines, status_line
from trio_worker.wire import Wire

# Up to this size the parts of a write are joined into one buffer; above it the kernel gathers them.
JOIN_LIMIT = 16384

LAST_CHUNK = b"0\r\n\r\n"


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


class Channel(Protocol):
    """What a response asks of the protocol that its request came by.

    Attributes:
        wire: where the bytes go.
        handle: of the request that is answered.
        closing: whether the connection is to end with this response.
        may_chunk: whether the protocol knows chunks.
    """

    wire: Wire
    handle: Handle
    may_chunk: bool

    @property
    def closing(self) -> bool: ...

    def own_lines(self, given: Mapping[bytes, bytes]) -> bytes:
        """The header lines that the server adds to those that the app has given."""


class Response:
    """One response on its way to the client.

    Args:
        channel: the protocol's side.
        method: of the request.
        version: of the request, "1.0" or "1.1".
        keep_alive: whether the client lets the connection go on afterwards.

    Attributes:
        keep_alive: whether it goes on, once the head has left.
        state: see State.
    """

    __slots__ = (
        "_channel",
        "_fields",
        "_framing",
        "_given",
        "_head",
        "_remaining",
        "_trailers",
        "keep_alive",
        "method",
        "state",
        "version",
    )

    def __init__(self, channel: Channel, method: str, version: str, keep_alive: bool) -> None:
        self._channel = channel
        self.method = method
        self.version = version
        self.keep_alive = keep_alive
        self.state = State.START
        self._framing = Framing.UNDECIDED
        self._remaining = 0
        self._trailers = False
        self._head = b""
        self._given: dict[bytes, bytes] = {}
        self._fields = b""

    @property
    def takes_trailers(self) -> bool:
        """Whether the client said that it reads trailers (`TE: trailers`, RFC 9110 section 10.1.4)."""
        return False

    @property
    def complete(self) -> bool:
        """Whether the client has all of it, whatever the app still does."""
        return self.state is State.COMPLETE or (
            self._framing is Framing.LENGTH and not self._remaining and self._channel.handle.begun
        )

    async def send(self, message: Message) -> None:
        """ASGI's `send`.

        Raises:
            ResponseError: the message cannot come now, or has something invalid in it.
            OSError: the client has gone.
        """
        kind = message["type"]
        if kind == "http.response.body" and self.state is State.BODY:
            await self._send_body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start":
            self._start(message)
        elif kind == "http.response.trailers" and self.state is State.TRAILERS:
            await self._send_trailers(message)
        elif kind == "http.response.pathsend" and self.state is State.BODY:
            await self._send_path(message["path"])
        elif kind == "http.response.zerocopysend" and self.state is State.BODY:
            await self._send_part(message)
        elif kind == "http.response.early_hint" and self.state is State.START:
            await self._send_hint(message["links"])
        else:
            raise self._unexpected(kind)

    def _unexpected(self, kind: str) -> ResponseError:
        return ResponseError(f"the app sent {kind!r} where only {self.state.value!r} can come")

    # The head.

    def _start(self, message: Message) -> None:
        handle = self._channel.handle
        if self.state is not State.START and (handle.begun or not handle.status):
            raise self._unexpected(message["type"])
        status, headers = message["status"], message.get("headers", ())
        self._head = status_line(status) + header_lines(headers)
        self._given = given = {name.lower(): value for name, value in headers}
        if b"connection" in given or b"transfer-encoding" in given:
            # How the connection goes on and how the body is framed is the server's to say (RFC 9110 section 7.6.1).
            self._head = status_line(status) + header_lines(_without_framing(headers))
            self.keep_alive &= b"close" not in given.get(b"connection", b"").lower()
        self._trailers = message.get("trailers", False) and self._channel.may_chunk and self.version == "1.1"
        self._frame(status, given.get(b"content-length"))
        self.state = State.BODY

    def _frame(self, status: int, length: bytes | None) -> None:
        if self.method == "HEAD" or status in (204, 304):
            self._framing = Framing.NONE
        elif length is None:
            self._framing = Framing.UNDECIDED
        elif length.isdigit():
            self._framing, self._remaining = Framing.LENGTH, int(length)
        else:
            raise ResponseError(f"content-length is a number of bytes, not {length!r}")

    def _decide(self, size: int, more: bool) -> None:
        """Frame a body whose length the app has not announced."""
        if not more and not self._trailers:
            self._framing, self._remaining = Framing.LENGTH, size
            self._head += b"content-length: %d\r\n" % size
        elif self._channel.may_chunk and self.version == "1.1":
            self._framing = Framing.CHUNKED
            self._head += b"transfer-encoding: chunked\r\n"
        else:
            self._framing = Framing.CLOSE
            self.keep_alive = False

    def _take_head(self) -> bytes:
        """The head, once; from here on nobody can answer in the app's place."""
        channel = self._channel
        channel.handle.begun = True
        if channel.closing or not self.keep_alive:
            self.keep_alive = False
            own = b"connection: close\r\n"
        else:
            own = b"connection: keep-alive\r\n" if self.version == "1.0" else b""
        head, self._head = b"%b%b%b\r\n" % (self._head, own, channel.own_lines(self._given)), b""
        return head

    # The body.

    async def _send_body(self, data: bytes, more: bool) -> None:
        if self._framing is Framing.UNDECIDED:
            self._decide(len(data), more)
        if self._framing is Framing.LENGTH:
            self._count(len(data), more)
            if self._head or data:
                await self._write(data)
        elif self._framing is Framing.CHUNKED:
            await self._write_chunk(data, more)
        elif self._framing is Framing.CLOSE:
            await self._write(data)
        elif self._head:
            await self._write(b"")
        if not more:
            self.state = State.TRAILERS if self._trailers else State.COMPLETE

    def _count(self, size: int, more: bool) -> None:
        """Hold `size` bytes of body against the Content-Length that was announced. Raises ResponseError."""
        self._remaining -= size
        if self._remaining < 0:
            raise ResponseError(f"the body is {-self._remaining} bytes longer than its Content-Length")
        if self._remaining and not more:
            raise ResponseError(f"the body is {self._remaining} bytes shorter than its Content-Length")

    async def _write_chunk(self, data: bytes, more: bool) -> None:
        end = b"" if more or self._trailers else LAST_CHUNK
        if data:
            await self._write(b"%x\r\n" % len(data), data, b"\r\n" + end)
        elif end or self._head:
            await self._write(end)

    async def _write(self, *parts: bytes) -> None:
        if self._head:
            parts = (self._take_head(), *parts)
        try:
            if len(parts) == 1:
                await self._channel.wire.send(parts[0])
            elif sum(map(len, parts)) <= JOIN_LIMIT:
                await self._channel.wire.send(b"".join(parts))
            else:
                await self._channel.wire.send_parts(*parts)
        except OSError:
            self._channel.handle.gone = True
            raise

    async def _write_file(self, descriptor: int, offset: int, size: int, more: bool) -> None:
        """A piece of the body straight from an open file, by sendfile(2) where the wire can."""
        if self._framing is Framing.UNDECIDED:
            self._decide(size, more)
        if self._framing is Framing.LENGTH:
            self._count(size, more)
        chunked = self._framing is Framing.CHUNKED and size > 0
        if self._head or chunked:
            await self._write(b"%x\r\n" % size if chunked else b"")
        if self._framing is not Framing.NONE:
            await self._channel.wire.send_file(descriptor, offset, size)
        if self._framing is Framing.CHUNKED:
            end = b"" if more or self._trailers else LAST_CHUNK
            await self._write((b"\r\n" if chunked else b"") + end)
        if not more:
            self.state = State.TRAILERS if self._trailers else State.COMPLETE

    # The extensions (https://asgi.readthedocs.io/en/latest/extensions.html).

    async def _send_path(self, path: str) -> None:
        """`http.response.pathsend`: a whole file, named."""
        async with await trio.open_file(path, "rb") as file:
            size = (await trio.to_thread.run_sync(os.fstat, file.fileno())).st_size
            await self._write_file(file.fileno(), 0, size, more=False)

    async def _send_part(self, message: Message) -> None:
        """`http.response.zerocopysend`: an open file or a part of it, from its position or an offset."""
        descriptor = message["file"] if isinstance(message["file"], int) else message["file"].fileno()
        offset = message.get("offset")
        if offset is None:
            offset = os.lseek(descriptor, 0, os.SEEK_CUR)
        count = message.get("count")
        if count is None:
            count = max(0, os.fstat(descriptor).st_size - offset)
        await self._write_file(descriptor, offset, count, message.get("more_body", False))

    async def _send_trailers(self, message: Message) -> None:
        """`http.response.trailers`: fields behind the last chunk (RFC 9112 section 7.1.2), for who asked for them."""
        self._fields += header_lines(message.get("headers", ()))
        if not message.get("more_trailers", False):
            fields = self._fields if self.takes_trailers else b""
            self.state = State.COMPLETE
            await self._write(b"0\r\n%b\r\n" % fields)

    async def _send_hint(self, links: Iterable[bytes]) -> None:
        """`http.response.early_hint`: a 103 before the head (RFC 8297)."""
        lines = header_lines([(b"link", link) for link in links])
        if self.version == "1.1":
            await self._channel.wire.send(b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % lines)


def _without_framing(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    hop = (b"connection", b"transfer-encoding")
    return [(name, value) for name, value in headers if name.lower() not in hop]
