"""A wire over a plain socket.

The system call is tried first and waited for only when the kernel says so: under load the data is already there, and
a wait costs more than the call.
"""

import contextlib
import os
import socket
from collections.abc import Awaitable, Mapping, Sequence
from math import inf
from typing import Any

import trio

from trio_worker.transport import bounds, forks
from trio_worker.transport.wire import NO_EXTENSIONS, Address, Bytes, Ungathered, Watcher, unix_path

# As much as one read takes: what the kernel buffers for a busy connection, and the bound of what pipelining can queue.
RECEIVE_SIZE = 65536


class SocketWire(Ungathered):
    """A wire over a plain, non-blocking stream socket, TCP or UNIX.

    Args:
        sock: the accepted socket; the wire owns it from here on.
        client: what `accept` said of the peer.
        write_timeout: seconds that a write may wait without the client reading anything.
        server: our own address, where it is known already.
    """

    __slots__ = (
        "_drained",
        "_reader",
        "_server",
        "_short_read",
        "_socket",
        "_write_timeout",
        "ahead",
        "client",
        "deadline",
        "extensions",
        "reading",
        "root_path",
        "scheme",
        "stall_deadline",
        "stalled",
        "watched",
        "watcher",
        "withholds_end",
    )

    def __init__(
        self, sock: socket.SocketType, client: object, write_timeout: float, server: Address | None = None
    ) -> None:
        sock.setblocking(False)
        self._socket, self.ahead = sock, b""
        # True if the kernel had nothing more at the last look; and the task that waits for it.
        self._drained = False
        self._reader: trio.lowlevel.Task | None = None
        # A read of fewer bytes than this has emptied the kernel's buffer; 0 when the end is behind it.
        self._short_read = RECEIVE_SIZE
        self.watched = self.reading = self.stalled = self.withholds_end = False
        self.watcher: Watcher | None = None
        self._write_timeout = write_timeout
        self.deadline = self.stall_deadline = inf
        self.scheme, self.root_path, self._server = "http", "", server
        self.extensions: Mapping[str, Any] = NO_EXTENSIONS
        self.client: Address | None = None
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
        self.ahead = data + self.ahead

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fileno()} of {self.client or 'a UNIX socket'}>"

    async def receive(self) -> bytes:
        """Return the next bytes, at most RECEIVE_SIZE of them, or b"" when the client has ended its side.

        Raises:
            OSError: the connection broke.
            trio.BusyResourceError: another task waits for them already.
        """
        while (data := self.receive_now()) is None:
            await self._wait_readable()
        return data

    def receive_now(self) -> bytes | None:
        """Return what `receive` would return without waiting, None when it would have to wait. Raises like it."""
        if self.ahead:
            data, self.ahead = self.ahead, b""
            return data
        if self._drained and self.watched:
            return None
        try:
            data = self._socket.recv(RECEIVE_SIZE)
        except BlockingIOError:
            self._drained = True
            return None
        # A short read has emptied the kernel's buffer (epoll(7), edge-triggered); the end can be read again and again.
        self._drained = 0 < len(data) < self._short_read
        return data

    def wait(self) -> Awaitable[None]:
        """Wait until there may be something to receive, be it the end; other tasks have a turn in any case."""
        if self._drained and not self.ahead:
            return self._wait_readable()
        return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - the caller awaits it

    def can_wait_alone(self) -> bool:
        """Return True if all that has come is read, and `wake` is called when more comes, so no task need wait."""
        return self._drained and not (self.ahead or self.reading) and (self.watched or self._have_watched())

    def _have_watched(self) -> bool:
        if self.watcher is not None:
            self.watcher.watch_now(self._socket.fileno())
        return self.watched

    async def _wait_readable(self) -> None:
        if self.reading:
            await trio.lowlevel.checkpoint()  # An app that asks again and again must not keep the others waiting.
            raise trio.BusyResourceError("another task is already receiving on this connection")
        self.reading = True
        try:
            if self.watched or self._have_watched():
                self._reader = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
            else:
                await trio.lowlevel.wait_readable(self._socket)
                self._drained = False
        finally:
            self.reading = False

    def _stop_waiting(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self, ended: bool) -> None:
        """Note that there is something to receive, and wake the task that waits for it.

        Args:
            ended: whether the client has ended its side. That is told once, maybe together with bytes.
        """
        self._drained = False
        if ended:
            self._short_read = 0
        if self._reader is not None:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    def try_send(self, data: Bytes) -> int:
        """Write what leaves without waiting, and return how many bytes did. Raises like `receive`."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def try_send_parts(self, parts: Sequence[Bytes]) -> int:
        """Do what `try_send` does, with all parts in one system call and without joining them first."""
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0

    async def send(self, data: Bytes) -> None:
        """Write all of `data`; waits while the client does not read. Raises like `receive`."""
        sent = self.try_send(data)
        if sent < len(data):
            await self._send_rest(memoryview(data)[sent:])

    def send_now(self, data: bytes) -> None:
        """Write as much of `data` as can leave without waiting, and let the rest go."""
        with contextlib.suppress(OSError):
            self.try_send(data)

    async def send_parts(self, *parts: Bytes) -> None:
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
                rest = rest[self.try_send(rest) :]
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
                sent = await self._send_piece(descriptor, offset, min(count, bounds.SENDFILE_PIECE))
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

    async def peek(self, beyond: int = 0) -> bytes:
        """Return the bytes that wait in the kernel and leave them there: more than `beyond`, or all that will come."""
        while True:
            with contextlib.suppress(BlockingIOError):
                data = self._socket.recv(RECEIVE_SIZE, socket.MSG_PEEK)
                if len(data) > beyond or not data or not self._short_read:
                    return data
            await self._wait_readable()
            if not self.watched:  # Then the wait ends at once, as long as anything is there.
                await trio.sleep(bounds.PEEK_PAUSE)

    def skip(self, size: int) -> None:
        """Take away what `peek` has returned, or the beginning of it."""
        self._socket.recv(size)

    def has_received(self) -> bool:
        """Return True if bytes of the client are here that nobody has read yet: given back, or in the kernel."""
        with contextlib.suppress(OSError):
            return bool(self.ahead or self._socket.recv(1, socket.MSG_PEEK))
        return False

    def end_reading(self) -> None:
        """End the wait for a request: `receive` returns b"", also in a task that waits there now.

        Where bytes are here already they come first, and nothing else changes: what they begin may go on. The
        kernel decides whether a request came in time, so none is lost between a look and a close.
        """
        if not self.has_received():
            self._shutdown(socket.SHUT_RD)

    def end_writing(self) -> None:
        """Tell the client that nothing more will come; what it still sends can be read (RFC 9112 section 9.6)."""
        self._shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """End both directions now: whoever reads gets b"", whoever writes an OSError, also while waiting."""
        self._shutdown(socket.SHUT_RDWR)

    def _shutdown(self, how: int) -> None:
        with contextlib.suppress(OSError):  # The client was faster.
            self._socket.shutdown(how)

    def close(self) -> None:
        """Close the descriptor, when nobody uses the wire any more; shut it down where a child may have a copy."""
        if forks.have_been:
            self._shutdown(socket.SHUT_RDWR)
        self._socket.close()
