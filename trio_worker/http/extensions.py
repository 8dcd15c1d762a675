"""Messages that an ASGI app may send besides a head and a body: files, trailers, early hints.

https://asgi.readthedocs.io/en/latest/extensions.html
"""

import os

from trio_worker.asgi import Headers, Message
from trio_worker.http.app_files import open_regular, path_of, piece_of
from trio_worker.http.app_rules import (
    MOST_HINTS,
    ResponseError,
    count_body,
    header_lines,
    hints_of,
    trailers_of,
)
from trio_worker.http.response import (
    BODY,
    CHUNKED,
    LAST_CHUNK,
    LENGTH,
    NONE,
    START,
    TRAILERS,
    UNDECIDED,
    Response,
)
from trio_worker.transport.threads import in_thread


class ExtendedResponse(Response):
    """A response with ASGI's extensions. See Response for its arguments and attributes."""

    # The trailers that have come so far, and how many hints.
    _trailer_fields: Headers = []  # noqa: RUF012 - nobody changes it, but another one takes its place
    _hints = 0

    @property
    def takes_trailers(self) -> bool:
        """Return True if the client said that it reads trailers (`TE: trailers`, RFC 9110 section 10.1.4)."""
        return False

    async def _send_extension(self, kind: str, message: Message) -> None:
        if kind == "http.response.trailers" and self.state is TRAILERS:
            await self._send_trailers(message)
        elif kind == "http.response.pathsend" and self.state is BODY:
            await self._send_path(path_of(message.get("path")))
        elif kind == "http.response.zerocopysend" and self.state is BODY:
            await self._send_part(message)
        elif kind == "http.response.early_hint" and self.state is START:
            self._count_hint()
            await self._send_hint(hints_of(message.get("links")))
        else:
            self._reject(kind)

    async def _send_path(self, path: str) -> None:
        """Send a whole file by its name (`http.response.pathsend`)."""
        descriptor, size = await in_thread(open_regular, path)
        try:
            await self._write_file(descriptor, 0, size, more=False)
        finally:
            os.close(descriptor)

    async def _send_part(self, message: Message) -> None:
        """Send an open file or a part of it, from its position or an offset (`http.response.zerocopysend`)."""
        await self._write_file(*piece_of(message), message.get("more_body", False))

    async def _send_trailers(self, message: Message) -> None:
        """Send fields behind the last chunk (RFC 9112 section 7.1.2), where the client asked for them."""
        self._take_trailers(message)
        if not message.get("more_trailers", False):
            if self._framing is CHUNKED:
                fields = header_lines(self._trailer_fields) if self.takes_trailers else b""
                await self._write((b"0\r\n%b\r\n" % fields,))
            self._trailers = False
            self._advance(more=False)

    def _take_trailers(self, message: Message) -> None:
        """Keep the fields of a message until the last of them has come."""
        before = self._trailer_fields
        self._trailer_fields = before + trailers_of(message.get("headers", ()), before)

    def _count_hint(self) -> None:
        self._hints += 1
        if self._hints > MOST_HINTS:
            raise ResponseError(f"http.response.early_hint: {MOST_HINTS} of them are allowed before a response")

    async def _send_hint(self, fields: Headers) -> None:
        """Send a 103 before the head (RFC 8297)."""
        lines = header_lines(fields)
        if self.version == "1.1":
            await self._write((b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % lines,))

    async def _write_file(self, descriptor: int, offset: int, size: int, more: bool) -> None:
        """Send a piece of the body straight from an open file, by sendfile(2) where the wire can."""
        self.by_sendfile = self._writing = True
        try:
            await self._write_file_parts(descriptor, offset, size, more)
        finally:
            self._end_turn()
        self._advance(more)

    async def _write_file_parts(self, descriptor: int, offset: int, size: int, more: bool) -> None:
        framing = self._decide(size, more) if self._framing is UNDECIDED else b""
        if self._framing is LENGTH:
            self._remaining = count_body(self._remaining, size, more)
        chunked = self._framing is CHUNKED and size > 0
        before = b"" if self._head is None else self._take_head(self._head, framing)
        if before or chunked:
            await self._write_parts((before, b"%x\r\n" % size if chunked else b""))
        if self._framing is not NONE:
            self.sent += size
            await self._copy(descriptor, offset, size)
        if self._framing is CHUNKED:
            end = b"" if more or self._trailers else LAST_CHUNK
            await self._write_parts((b"\r\n" if chunked else b"", end))

    async def _copy(self, descriptor: int, offset: int, size: int) -> None:
        try:
            await self.wire.send_file(descriptor, offset, size)
        except BaseException as error:
            self.wire.abort()  # The app may go on, but behind a part of a body nothing makes sense.
            self.gone |= isinstance(error, ConnectionError)
            raise
