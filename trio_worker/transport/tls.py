"""TLS on a connection: the plain wire, with OpenSSL between its socket and the protocol.

OpenSSL reads from memory and writes into memory. Were it given the socket, as in `ssl.SSLSocket`, it would go on
reading within one call until there are bytes for the app, and a client could keep it there; so it gets as much as one
turn of a connection may cost (tls_records.py).

Here is the handshake, and the reading; the writing is in tls_writing.py.
"""

import contextlib
import logging
import socket
import ssl

from trio_worker.transport.certificates import Certificates, describe_client
from trio_worker.transport.socket_wire import SocketWire
from trio_worker.transport.tls_records import HEADER_SIZE, RecordCount
from trio_worker.transport.tls_writing import RECORD_SIZE, TlsWriting

log = logging.getLogger(__name__)

# Bytes that are read from the socket beyond the end of the record under way. 75 small records have room in them.
READ_AHEAD = 2048


class RecordsError(ConnectionAbortedError):
    """A client has sent too many records that bring nothing."""


class TlsWire(TlsWriting):
    """A wire over TLS, in a plain wire's place.

    Args:
        plain: the wire that has brought the first byte, and has left it in the kernel; not to be used any more.
        certificates: what to serve with.
    """

    __slots__ = ("_certificates", "_incoming", "_records")

    def __init__(self, plain: SocketWire, certificates: Certificates) -> None:
        for each in SocketWire.__slots__:
            setattr(self, each, getattr(plain, each))
        self._certificates = certificates
        self._incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._begin_writing(certificates.wrap(self._incoming, outgoing), outgoing)
        self._records = RecordCount()
        self._drained = False
        self.scheme = "https"

    async def handshake(self) -> None:
        """Agree with the client on keys, certificates and a protocol.

        Raises:
            ssl.SSLError: there is no agreement; the client is told when our side ends.
            OSError: the connection broke.
        """
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._write_out()
                await self._read_more()
            except ssl.SSLError:
                # OpenSSL's alert says why, and leaves when our side ends.
                self._goodbye_said, self._fed = True, False
                raise
        await self._write_out()  # Tickets for the client's next connection.
        self._records.begin()
        # Bytes may have come behind the handshake, in the same read.
        self._fed = self._incoming.pending > 0
        self.extensions = {"tls": self._certificates.describe(self._tls) | describe_client(self._tls)}

    async def _read_more(self) -> None:
        """Give OpenSSL what comes next, or the end."""
        while (data := self._read_socket()) is None:
            await self._wait_readable()
        if not data:
            self._incoming.write_eof()

    def receive_now(self) -> bytes | None:
        """Return what `receive` would return without waiting, None when it would have to wait. Raises like it.

        Nearly every read finds one whole record with bytes for the app, and that goes in one step.
        """
        if self._fed or self._records.amid or self.ahead or self._goodbye_said or (self._drained and self.watched):
            return self._receive_any()
        try:
            encrypted = self._socket.recv(READ_AHEAD)
        except BlockingIOError:
            self._drained = True
            return None
        size = len(encrypted)
        self._drained = 0 < size < READ_AHEAD and self._short_read > 0  # See SocketWire.receive_now.
        if size > HEADER_SIZE and size - HEADER_SIZE == encrypted[3] << 8 | encrypted[4]:
            self._incoming.write(encrypted)
            try:
                if data := self._tls.read(size):
                    self._records.fruitful += 1
                    return data
                self._fed = True  # The client's goodbye can be read again and again.
            except ssl.SSLWantReadError:
                self._records.add(encrypted)
            except ssl.SSLError:
                self._send_alert()
                raise
        elif encrypted:
            self._feed(encrypted)
        else:
            return encrypted
        return self._receive_any()

    def _receive_any(self) -> bytes | None:
        """Do what `receive_now` does, whatever comes: records in pieces, several, or such as bring nothing."""
        if self.ahead:
            data, self.ahead = self.ahead, b""
            return data
        decrypted: bytes | None = None
        while not self._fed or (decrypted := self._decrypt()) is None:
            if self._drained and self.watched:
                return None
            encrypted = self._read_socket()
            if not encrypted or self._goodbye_said:
                return encrypted  # Behind our goodbye nothing has a meaning, and the bytes are only taken away.
        if self._fed:
            self._drained = False
        return decrypted

    def _read_socket(self) -> bytes | None:
        """Read what may be given to OpenSSL in one turn, give it, and return it: None if it has to be waited for."""
        if self._records.credit < 0:
            log.warning("ended the connection of %s: too many of its TLS records bring nothing", self.client)
            raise RecordsError("the client has sent too many TLS records that bring nothing")
        size = self._records.left + READ_AHEAD
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            self._drained = True
            return None
        self._drained = 0 < len(data) < size and self._short_read > 0
        if not self._goodbye_said:
            self._feed(data)
        return data

    def _feed(self, encrypted: bytes) -> None:
        self._records.add(encrypted)
        self._incoming.write(encrypted)
        self._fed = True

    def _decrypt(self) -> bytes | None:
        """Return the bytes of the next record, b"" at the client's goodbye, None where more has to come."""
        try:
            data = self._tls.read(RECORD_SIZE)
        except ssl.SSLWantReadError:
            self._fed = False
            return None
        except ssl.SSLError:
            self._send_alert()
            raise
        if data:
            self._records.brought()
            self._fed = self._incoming.pending > 0
        return data

    def _send_alert(self) -> None:
        """Tell the client what OpenSSL has found wrong, as much as leaves at once."""
        with contextlib.suppress(OSError):
            self._send_encrypted()

    def has_received(self) -> bool:
        """Return True if bytes of the client are here that nobody has read yet."""
        return self._incoming.pending > 0 or super().has_received()

    def end_reading(self) -> None:
        """End the wait for a request, and say goodbye before: OpenSSL answers an unexpected end with an alert."""
        if not self.has_received():
            self._say_goodbye()
            self._shutdown(socket.SHUT_RD)
