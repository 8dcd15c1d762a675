"""One client's connection as bytes: what every protocol reads from and writes to.

The system call is tried first and waited for only when the kernel says so: under load the data is already there, and
a wait costs more than the call. A wire carries one deadline. Nothing here watches it: the sweeper of deadlines.py looks
at all of them together, so that a deadline costs an assignment and no timer.
"""

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, Protocol

import trio

# As much as one sendfile(2) takes from a file: it works for as long as the client reads as fast.
FILE_PIECE = 1 << 20

# As much as one read takes: what the kernel buffers for a busy connection, and the bound of what pipelining can queue.
RECEIVE_SIZE = 65536

Address = tuple[str, int | None]

NO_EXTENSIONS: Mapping[str, Any] = MappingProxyType({})


class Wire(Protocol):
    """A connection as a protocol sees it; a socket and a TLS stream both have it.

    Attributes:
        client: the peer's address, None where it has none (UNIX sockets).
        server: our own address; the path and None for a UNIX socket.
        scheme: "http", or "https" over TLS.
        deadline: when the sweeper calls `expire()` on the connection, on Trio's clock in seconds; `inf` for never.
        stalled: whether a write is waiting for the client to read.
        stall_deadline: until when it does, as `deadline`; what a read in another task does prolongs nothing.
        root_path: where a front has mounted the app, as it says.
        extensions: what the scopes of all requests here get in their `extensions`.
    """

    client: Address | None
    server: Address | None
    scheme: str
    deadline: float
    root_path: str
    extensions: Mapping[str, Any]

    @property
    def stalled(self) -> bool: ...
    @property
    def stall_deadline(self) -> float: ...

    def fileno(self) -> int: ...
    def unread(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...
    def receive_now(self) -> bytes: ...
    async def wait(self) -> None: ...
    def try_send(self, data: bytes | memoryview) -> int: ...
    def try_send_parts(self, parts: Sequence[bytes | memoryview]) -> int: ...
    async def send(self, data: bytes | memoryview) -> None: ...
    def send_now(self, data: bytes) -> None: ...
    async def send_parts(self, *parts: bytes | memoryview) -> None: ...
    async def send_file(self, descriptor: int, offset: int, count: int) -> None: ...
    def has_received(self) -> bool: ...
    def end_reading(self) -> None: ...
    def abort(self) -> None: ...
    async def end_writing(self) -> None: ...
    def close(self) -> None: ...


class SocketWire:
    """A wire over a plain, non-blocking stream socket, TCP or UNIX.

    Args:
        sock: the accepted socket; the wire owns it from here on.
        client: what `accept` said of the peer.
        write_timeout: seconds that a write may wait without the client reading anything.
        server: our own address, where it is known already.
    """

    __slots__ = (
        "_server",
        "_socket",
        "_unread",
        "_write_timeout",
        "client",
        "deadline",
        "extensions",
        "root_path",
        "scheme",
        "stall_deadline",
        "stalled",
    )

    def __init__(
        self, sock: socket.SocketType, client: object, write_timeout: float, server: Address | None = None
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._unread = b""
        self._write_timeout = write_timeout
        self.deadline = inf
        self.stalled = False
        self.stall_deadline = inf
        self.scheme = "http"
        self.root_path = ""
        self.extensions: Mapping[str, Any] = NO_EXTENSIONS
        self.client: Address | None = None
        self._server = server
        if isinstance(client, tuple):
            # Answers leave in one write: waiting for more to send (Nagle) only delays them.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.client = client[:2]

    @property
    def server(self) -> Address | None:
        """Our own address. The kernel is asked when somebody wants to know: a front's packet says it too."""
        if self._server is None:
            name = self._socket.getsockname()
            self._server = name[:2] if isinstance(name, tuple) else (unix_path(name), None)
        return self._server

    @server.setter
    def server(self, address: Address | None) -> None:
        self._server = address

    def fileno(self) -> int:
        """The socket's descriptor, -1 once it is closed."""
        return self._socket.fileno()

    def unread(self, data: bytes) -> None:
        """Give back bytes that were read: the next `receive` returns them first."""
        self._unread = data + self._unread

    async def receive(self) -> bytes:
        """The next bytes, at most RECEIVE_SIZE of them, or b"" when the client has ended its side.

        Raises:
            OSError: the connection broke.
        """
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        while True:
            try:
                return self._socket.recv(RECEIVE_SIZE)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)

    def receive_now(self) -> bytes:
        """Return what `receive` would return without waiting; b"" also when it would have to wait. Raises like it."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            return self._socket.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return b""

    async def wait(self) -> None:
        """Wait until there is something to receive, be it the end."""
        if not self._unread:
            await trio.lowlevel.wait_readable(self._socket)

    def try_send(self, data: bytes | memoryview) -> int:
        """Write what leaves without waiting; returns how many bytes did. Raises like `receive`."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def try_send_parts(self, parts: Sequence[bytes | memoryview]) -> int:
        """Do what `try_send` does, with all parts in one system call and without joining them first."""
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0

    async def send(self, data: bytes | memoryview) -> None:
        """Write all of `data`; waits while the client does not read. Raises like `receive`."""
        sent = self.try_send(data)
        if sent < len(data):
            await self._send_rest(memoryview(data)[sent:])

    def send_now(self, data: bytes) -> None:
        """Write as much of `data` as can leave without waiting, and let the rest go."""
        with contextlib.suppress(OSError):
            self._socket.send(data)

    async def send_parts(self, *parts: bytes | memoryview) -> None:
        """Write all of the parts, one after the other. Waits and raises like `send`."""
        sent = self.try_send_parts(parts)
        for part in parts:
            if sent < len(part):
                await self._send_rest(memoryview(part)[sent:])
            sent = max(0, sent - len(part))

    async def _send_rest(self, rest: memoryview) -> None:
        try:
            while rest:
                await self._writable()
                with contextlib.suppress(BlockingIOError):
                    rest = rest[self._socket.send(rest) :]
        except trio.Cancelled:
            # A scope of the app's own may end here and the app go on: behind half a message nothing makes sense.
            self.abort()
            raise

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Write `count` bytes of an open file from `offset` with sendfile(2). Raises like `receive`.

        Raises:
            EOFError: the file ended before `count` bytes.
        """
        try:
            while count > 0:
                sent = await self._send_piece(descriptor, offset, min(count, FILE_PIECE))
                offset += sent
                count -= sent
        except trio.Cancelled:
            self.abort()
            raise

    async def _send_piece(self, descriptor: int, offset: int, count: int) -> int:
        await trio.lowlevel.checkpoint()
        while True:
            try:
                sent = os.sendfile(self._socket.fileno(), descriptor, offset, count)
            except BlockingIOError:
                await self._writable()
                continue
            if sent == 0:
                raise EOFError("the file ended before the announced number of bytes")
            return sent

    async def _writable(self) -> None:
        self.stall_deadline = trio.current_time() + self._write_timeout
        self.stalled = True
        try:
            await trio.lowlevel.wait_writable(self._socket)
        finally:
            self.stalled = False
            self.stall_deadline = inf

    def has_received(self) -> bool:
        """Return True if the kernel holds bytes of the client that nobody has read yet."""
        with contextlib.suppress(OSError):
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        return False

    def end_reading(self) -> None:
        """End the wait for a request: `receive` returns b"", also in a task that waits there now.

        Where the kernel holds bytes already they come first, and nothing else changes: what they begin may go on. The
        kernel decides whether a request came in time, so none is lost between a look and a close.
        """
        if not self.has_received():
            self._shutdown(socket.SHUT_RD)

    async def end_writing(self) -> None:
        """Tell the client that nothing more will come; what it still sends can be read (RFC 9112 section 9.6)."""
        self._shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """End both directions now: whoever reads gets b"", whoever writes an OSError, also while waiting."""
        self._shutdown(socket.SHUT_RDWR)

    def _shutdown(self, how: int) -> None:
        with contextlib.suppress(OSError):  # The client was faster.
            self._socket.shutdown(how)

    def close(self) -> None:
        """Close the descriptor, when nobody uses the wire any more."""
        self._socket.close()


def unix_path(name: str | bytes) -> str:
    """The printable name of a UNIX socket; abstract ones are written with the usual `@`.

    uWSGI binds an abstract name together with the NUL that ends it in C.
    """
    return "@" + name[1:].rstrip(b"\0").decode("utf-8", "replace") if isinstance(name, bytes) else name
