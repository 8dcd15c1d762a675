"""TLS on a connection: the plain wire over a socket of the ssl library.

OpenSSL owns the socket from its first byte and does the system calls itself, so nothing is copied through memory of
Python's. What differs from a plain socket is that it says in exceptions of its own that it would have to wait, and that
one record more may be in its memory when the kernel has nothing left.
"""

import contextlib
import os
import socket
import ssl
from collections.abc import Sequence
from fcntl import ioctl
from termios import FIONREAD

import trio

from trio_worker.transport.bounds import LINGERING_CLOSE
from trio_worker.transport.certificates import Certificates, describe_client
from trio_worker.transport.socket_wire import SocketWire, receive_raw

# A read of OpenSSL's returns one record, which has no more than this (RFC 8446 section 5.1).
RECORD_SIZE = 16384

# As much as is encrypted in one call: a larger write would keep the other connections waiting.
SEND_SIZE = 262144

_WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_NOTHING = bytes(4)


class TlsWire(SocketWire):
    """A wire over TLS, in a plain wire's place.

    Args:
        plain: the wire that has brought the first byte, and has left it in the kernel; not to be used any more.
        certificates: what to serve with.
    """

    __slots__ = ("_certificates", "_goodbye_said", "_stuck", "_tls")

    def __init__(self, plain: SocketWire, certificates: Certificates) -> None:
        for each in SocketWire.__slots__:
            setattr(self, each, getattr(plain, each))
        self._certificates = certificates
        self._tls = certificates.wrap(self._socket)
        self._socket = self._tls
        self._drained = False
        # True while an encrypted record has not left whole: OpenSSL wants the same bytes in the next write.
        self._stuck = False
        self._goodbye_said = False
        self.scheme = "https"

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
                await self._wait_readable()
            except ssl.SSLWantWriteError:
                await self._writable()
            except ssl.SSLError:
                await self._part()
                raise
        self.extensions = {"tls": self._certificates.describe(self._tls) | describe_client(self._tls)}

    async def _part(self) -> None:
        """Let the client read OpenSSL's alert that says why: a close with unread data would cut it off."""
        self._goodbye_said = True
        with trio.move_on_after(LINGERING_CLOSE):
            self.end_writing_now()
            while await self.receive():
                await trio.lowlevel.checkpoint()

    def receive_now(self) -> bytes | None:
        """Return what `receive` would return without waiting, None when it would have to wait. Raises like it."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self._drained and self.watched:
            return None
        try:
            # Behind our goodbye nothing has a meaning, and the bytes are only taken away.
            data = receive_raw(self._tls, RECORD_SIZE) if self._goodbye_said else self._tls.read(RECORD_SIZE)
        except (*_WAITS, BlockingIOError):
            self._drained = True
            return None
        # Asking the kernel costs less than another read of OpenSSL's, which would end in an exception.
        self._drained = (
            0 < len(data) <= self._short_read
            and ioctl(self._tls.fileno(), FIONREAD, _NOTHING) == _NOTHING
            and not (len(data) == RECORD_SIZE and self._tls.pending())
        )
        return data

    def try_send(self, data: bytes | memoryview) -> int:
        """Write what leaves without waiting, and return how many bytes did. Raises like `receive`.

        After a write that did not leave whole the next one has to begin with the same bytes.
        """
        if len(data) > SEND_SIZE:
            data = memoryview(data)[:SEND_SIZE]
        try:
            sent = self._tls.send(data) if data else 0
        except _WAITS:
            self._stuck = True
            return 0
        self._stuck = False
        return sent

    def try_send_parts(self, parts: Sequence[bytes | memoryview]) -> int:
        """Do what `try_send` does with all of the parts, one after the other."""
        total = 0
        for part in parts:
            sent = self.try_send(part)
            total += sent
            if sent < len(part):
                break
        return total

    def send_now(self, data: bytes) -> None:
        """Write as much of `data` as can leave without waiting, and let the rest go."""
        if not self._stuck:
            super().send_now(data)

    async def _send_piece(self, descriptor: int, offset: int, count: int) -> int:
        """Send a piece of a file. Nobody but OpenSSL can encrypt, so it is read, in a thread."""
        data = await trio.to_thread.run_sync(os.pread, descriptor, min(count, SEND_SIZE), offset)
        if not data:
            raise EOFError("the file ended before the announced number of bytes")
        await self.send(data)
        return len(data)

    def end_reading(self) -> None:
        """End the wait for a request, and say goodbye before: OpenSSL answers an unexpected end with an alert."""
        if not self.has_received():
            self._say_goodbye()
            self._shutdown(socket.SHUT_RD)

    def end_writing_now(self) -> None:
        """Say that nothing more will come, in TLS (RFC 8446 section 6.1) and below."""
        self._say_goodbye()
        super().end_writing_now()

    def _say_goodbye(self) -> None:
        """Send `close_notify` if it can leave at once; behind half a record it could not be read."""
        if self._stuck or self._goodbye_said:
            return
        self._goodbye_said = True
        with contextlib.suppress(OSError, ValueError):  # It wants the client's own now, or the connection broke.
            self._tls.unwrap()

    def close(self) -> None:
        """Close the descriptor; the goodbye leaves if it can leave at once."""
        self._say_goodbye()
        super().close()
