"""TLS on a connection: the certificates of the ini, and a wire that speaks TLS over another wire.

Each worker reads the certificates when it starts, so a graceful reload takes up renewed ones. The bytes of a connection
are read before anybody knows that they are TLS; so OpenSSL works on memory here, and the wire below does the I/O.
"""

import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import trio

from trio_worker.transport.bounds import LINGERING_CLOSE
from trio_worker.transport.certificates import Certificates, describe_client
from trio_worker.transport.socket_wire import RECEIVE_SIZE
from trio_worker.transport.wire import NO_EXTENSIONS, Address, Wire

# As much as is encrypted before it is written: a larger answer is not in memory twice.
SEND_SIZE = 262144


class TlsWire:
    """A wire over TLS.

    Args:
        below: the wire that carries it; bytes that were read to find TLS have been given back to it.
        certificates: what to serve with.
    """

    __slots__ = (
        "_below",
        "_broken",
        "_certificates",
        "_flushing",
        "_incoming",
        "_outgoing",
        "_tls",
        "_unread",
        "client",
        "extensions",
        "root_path",
        "scheme",
        "server",
    )

    def __init__(self, below: Wire, certificates: Certificates) -> None:
        self._below = below
        self._certificates = certificates
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = certificates.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._unread = b""
        self._flushing = False
        # Set when a record was cut in the middle: nothing that is sent later could be read.
        self._broken = False
        self.client: Address | None = below.client
        self.server: Address | None = below.server
        self.scheme = "https"
        self.root_path = ""
        self.extensions: Mapping[str, Any] = NO_EXTENSIONS

    @property
    def deadline(self) -> float:
        """The wire's below: there is one for both."""
        return self._below.deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        self._below.deadline = deadline

    @property
    def stalled(self) -> bool:
        """True while a write is waiting for the client to read."""
        return self._below.stalled

    @property
    def stall_deadline(self) -> float:
        """Until when it does."""
        return self._below.stall_deadline

    def fileno(self) -> int:
        """The socket's descriptor, -1 once it is closed."""
        return self._below.fileno()

    async def handshake(self) -> None:
        """Agree with the client on keys, certificates and a protocol.

        Raises:
            ssl.SSLError: there is no agreement; the client has been told.
            OSError: the connection broke.
        """
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                await self._part()
                raise
        await self._flush()
        self.extensions = {"tls": self._certificates.describe(self._tls) | describe_client(self._tls)}

    async def _part(self) -> None:
        """Send the alert that says why, and wait until the client has read it: a close with unread data cuts it off."""
        await self._flush()
        with trio.move_on_after(LINGERING_CLOSE):
            await self._below.end_writing()
            while await self._below.receive():
                await trio.lowlevel.checkpoint()

    def unread(self, data: bytes) -> None:
        """Give back bytes that were read: the next `receive` returns them first."""
        self._unread = data + self._unread

    async def receive(self) -> bytes:
        """The next bytes, or b"" when the client has ended its side, by TLS's own word for it or without.

        Raises:
            OSError: the connection broke, or what came is no TLS.
        """
        while True:
            try:
                return self._read()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()

    def receive_now(self) -> bytes | None:
        """Return what `receive` would return without waiting, None when it would have to wait. Raises like it."""
        try:
            return self._read()
        except ssl.SSLWantReadError:
            data = self._below.receive_now()
        if data is None:
            return None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        try:
            return self._read()
        except ssl.SSLWantReadError:
            return None

    def wait(self) -> Awaitable[None]:
        """Wait until there may be something to receive, be it the end; other tasks have a turn in any case."""
        if self._unread or self._tls.pending() or self._incoming.pending:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - the caller awaits it
        return self._below.wait()

    def wake(self, ended: bool) -> None:
        """Note that there is something to receive; see SocketWire.wake."""
        self._below.wake(ended)

    @property
    def reading(self) -> bool:
        """Return True if a task waits for bytes, or for the end of them."""
        return self._below.reading

    @property
    def watch(self) -> Callable[[int], None] | None:
        """The wire's below."""
        return self._below.watch

    @watch.setter
    def watch(self, watch: Callable[[int], None] | None) -> None:
        self._below.watch = watch

    @property
    def watched(self) -> bool:
        """Return True if `wake` is called when bytes come."""
        return self._below.watched

    @watched.setter
    def watched(self, watched: bool) -> None:
        self._below.watched = watched

    def _read(self) -> bytes:
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            return self._tls.read(RECEIVE_SIZE)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Where a message ends is HTTP's to say, so a missing close_notify can cut none short.
            return b""

    async def _fill(self) -> None:
        data = await self._below.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def try_send(self, data: bytes | memoryview) -> int:
        """Nothing leaves without being encrypted, and that is `send`'s business."""
        return 0

    def try_send_parts(self, parts: Sequence[bytes | memoryview]) -> int:
        """Do as `try_send` does."""
        return 0

    async def send(self, data: bytes | memoryview) -> None:
        """Write all of `data`; waits while the client does not read. Raises like `receive`."""
        if self._broken and not self._flushing:
            raise BrokenPipeError("a write on this connection was cut short")
        if len(data) <= SEND_SIZE:
            self._tls.write(data)
            await self._flush()
            return
        view = memoryview(data)
        for start in range(0, len(view), SEND_SIZE):
            self._tls.write(view[start : start + SEND_SIZE])
            await self._flush()

    def send_now(self, data: bytes) -> None:
        """Write as much of `data` as can leave without waiting, and let the rest go."""
        if not (self._broken or self._flushing):
            self._tls.write(data)
            self._below.send_now(self._outgoing.read())

    async def send_parts(self, *parts: bytes | memoryview) -> None:
        """Write the parts one after the other."""
        for part in parts:
            if part:
                await self.send(part)

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Write `count` bytes of an open file from `offset`. Raises like `receive`.

        Raises:
            EOFError: the file ended before `count` bytes.
        """
        while count > 0:
            data = await trio.to_thread.run_sync(os.pread, descriptor, min(count, SEND_SIZE), offset)
            if not data:
                raise EOFError("the file ended before the announced number of bytes")
            await self.send(data)
            offset += len(data)
            count -= len(data)

    async def _flush(self) -> None:
        """Write what OpenSSL has to say.

        One task at a time, so that records stay in order; it takes those of the others along.
        """
        if self._flushing:
            return
        self._flushing = True
        self._broken = True
        try:
            while data := self._outgoing.read():
                await self._below.send(data)
            self._broken = False
        finally:
            self._flushing = False

    def has_received(self) -> bool:
        """Return True if bytes of the client wait below, be they TLS's own business."""
        return self._below.has_received()

    def end_reading(self) -> None:
        """End the wait for a request; see SocketWire.end_reading."""
        self._below.end_reading()

    async def end_writing(self) -> None:
        """Say that nothing more will come, in TLS (RFC 8446 section 6.1) and below."""
        self._say_goodbye()
        await self._flush()
        await self._below.end_writing()

    def end_writing_now(self) -> None:
        """Do the same without waiting."""
        self._say_goodbye()
        self._below.send_now(self._outgoing.read())
        self._below.end_writing_now()

    def _say_goodbye(self) -> None:
        # It wants the client's own goodbye, or there was never a handshake.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()

    def abort(self) -> None:
        """End both directions now, without a word."""
        self._below.abort()

    def close(self) -> None:
        """Close the descriptor; the goodbye leaves if it can leave at once."""
        if not (self._broken or self._flushing):
            self._say_goodbye()
            self._below.send_now(self._outgoing.read())
        self._below.close()
