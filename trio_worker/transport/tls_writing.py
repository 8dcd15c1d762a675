"""The writing half of a connection over TLS: what OpenSSL encrypts into memory, on its way to the kernel."""

import contextlib
import os
import socket
import ssl
from collections.abc import Sequence
from math import inf

import trio

from trio_worker.transport.socket_wire import SocketWire
from trio_worker.transport.threads import in_thread

# A record has no more bytes for the app than this (RFC 8446 section 5.1); a read of OpenSSL's returns one record.
RECORD_SIZE = 16384

# As much as is encrypted in one go; where the client does not read, it is kept for the time.
SEND_SIZE = 65536

# As much of a file as is read in one go, in a thread.
FILE_PIECE = 262144


class TlsWriting(SocketWire):
    """A wire that encrypts what is written; see SocketWire for what the methods of both do."""

    __slots__ = ("_encrypted", "_fed", "_goodbye_said", "_kept", "_outgoing", "_tls", "_unsent")

    def _begin_writing(self, tls: ssl.SSLObject, outgoing: ssl.MemoryBIO) -> None:
        """Write by this, which writes into memory."""
        self._tls, self._outgoing = tls, outgoing
        # True while OpenSSL may have bytes for the app, which it has not behind our goodbye.
        self._fed = self._goodbye_said = False
        # Encrypted bytes that the kernel has not taken yet; and how many bytes before encryption these were, as far as
        # these do not count as written.
        self._unsent: memoryview | None = None
        self._encrypted = 0
        # True while encrypted bytes that count as written wait for those of others, or for the client.
        self._kept = False

    async def _write_out(self) -> None:
        """Write all that is encrypted."""
        while not self._send_encrypted():
            await self._writable()

    def try_send(self, data: bytes | memoryview) -> int:
        """Write what leaves without waiting, and return how many bytes did. Raises like `receive`.

        After a write that did not leave whole the next one has to begin with the same bytes: they are encrypted
        already, and count as written when the last of them has left. What fills no more than one record, and mostly
        leaves at once, goes in one step; it may leave with what others write in this turn, and counts as written.
        """
        if self._unsent is not None or self._encrypted or not 0 < len(data) <= RECORD_SIZE:
            return self._send_any(data)
        self._tls.write(data)
        if not self._kept and self.watched and (watcher := self.watcher) is not None and watcher.due:
            self._kept = True
            watcher.flush_together(self)
            return len(data)
        encrypted = self._outgoing.read()
        try:
            sent = self._socket.send(encrypted)
        except BlockingIOError:
            sent = 0
        if sent == len(encrypted):
            if self._kept:
                self._end_keeping()
            return len(data)
        self._unsent, self._encrypted = memoryview(encrypted)[sent:], len(data)
        return 0

    def _send_any(self, data: bytes | memoryview) -> int:
        """Do what `try_send` does, also with several records, and with what was written before."""
        if self._unsent is not None and not self._send_encrypted():
            return 0
        if not self._encrypted:
            if len(data) > SEND_SIZE:
                data = memoryview(data)[:SEND_SIZE]
            self._encrypt(data)
            if not self._send_encrypted():
                return 0
        sent = min(self._encrypted, len(data))
        self._encrypted -= sent
        return sent

    def _encrypt(self, data: bytes | memoryview) -> None:
        """Encrypt all of the bytes; a write of OpenSSL's takes as many as fill a record."""
        written = self._tls.write(data) if data else 0
        self._encrypted += len(data)
        while written < len(data):
            written += self._tls.write(memoryview(data)[written:])

    def _send_encrypted(self) -> bool:
        """Send what OpenSSL has written, and return True if all of it has left."""
        data = self._unsent or self._outgoing.read()
        try:
            sent = self._socket.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            return False
        self._unsent = None
        if self._kept:
            self._end_keeping()
        return True

    def try_send_parts(self, parts: Sequence[bytes | memoryview]) -> int:
        """Do what `try_send` does with all of the parts, in one record where they are small."""
        return self.try_send(b"".join(parts))

    def send_now(self, data: bytes) -> None:
        """Write as much of `data` as can leave without waiting, and let the rest go."""
        if self._unsent is None:
            with contextlib.suppress(OSError):
                self.try_send(data)

    async def _send_piece(self, descriptor: int, offset: int, count: int) -> int:
        """Send a piece of a file. Nobody but OpenSSL can encrypt, so it is read, in a thread."""
        data = await in_thread(os.pread, descriptor, min(count, FILE_PIECE), offset)
        if not data:
            raise EOFError("the file ended before the announced number of bytes")
        await self.send(data)
        return len(data)

    def flush(self) -> bool:
        """Write what is kept; return False where the client has to read before the rest can leave."""
        if not self._kept:
            return True
        try:
            if self._send_encrypted():
                return True
        except OSError:  # Whoever writes next hears of it.
            self._end_keeping()
            return True
        self.stalled, self.stall_deadline = True, trio.current_time() + self._write_timeout
        return False

    def _end_keeping(self) -> None:
        """Take note that nothing is kept any more; whoever has written it, the wait of `flush` is over."""
        self._kept = self.stalled = False
        self.stall_deadline = inf

    async def settle(self) -> None:
        """Write all that is kept; waits and raises like `send`."""
        try:
            if self._kept:
                await self._write_out()
        except trio.Cancelled:
            self.abort()
            raise

    def _shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self.flush()
        super()._shutdown(how)

    def end_writing(self) -> None:
        """Say that nothing more will come, in TLS (RFC 8446 section 6.1) and below."""
        self._say_goodbye()
        super().end_writing()

    def _say_goodbye(self) -> None:
        """Send `close_notify`, unless withheld, if it can leave at once; behind half a record it could not be read."""
        if self._unsent is not None:
            return
        with contextlib.suppress(OSError, ValueError):  # It wants the client's own now, or the connection broke.
            if not (self._goodbye_said or self.withholds_end):
                self._goodbye_said, self._fed = True, False
                self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._send_encrypted()

    def close(self) -> None:
        """Close the descriptor; the goodbye leaves if it can leave at once."""
        self._say_goodbye()
        super().close()
