"""A client that writes its own records of TLS 1.3, to send what no library would.

The handshake is Python's. Its key log tells the secret that all keys follow from (RFC 8446 section 7).
"""

import hmac
import ssl
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from support.http1 import Target, connect

APPLICATION_DATA, HANDSHAKE, ALERT = 23, 22, 21

# RFC 8446 section 4.6.3, with update_not_requested.
KEY_UPDATE = bytes((24, 0, 0, 1, 0))


class Tls13:
    """A connection after its handshake.

    Args:
        context: a client's; its key log is written into `directory`.
    """

    def __init__(self, target: Target, context: ssl.SSLContext, directory: Path) -> None:
        log = directory / "keys.log"
        log.write_text("")
        context.keylog_filename = str(log)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.socket = connect(target)
        incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, self._outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.socket.sendall(self._outgoing.read())
                incoming.write(self.socket.recv(65536))
        self.socket.sendall(self._outgoing.read())
        self._hash = "sha384" if (tls.cipher() or ("",))[0].endswith("384") else "sha256"
        self._use(_secret(log.read_text()))

    def _use(self, secret: bytes) -> None:
        key_size = 32 if self._hash == "sha384" else 16
        self._secret, self._sequence = secret, 0
        self._cipher = AESGCM(self._expand("key", key_size))
        self._iv = int.from_bytes(self._expand("iv", 12))

    def _expand(self, label: str, size: int) -> bytes:
        """HKDF-Expand-Label of RFC 8446 section 7.1; one block of the hash is always enough."""
        name = b"tls13 " + label.encode()
        information = struct.pack(">HB", size, len(name)) + name + b"\0"
        return hmac.digest(self._secret, information + b"\1", self._hash)[:size]

    def record(self, kind: int, content: bytes, padding: int = 0) -> bytes:
        """The next record, encrypted (RFC 8446 section 5.2)."""
        inner = content + bytes([kind]) + bytes(padding)
        header = struct.pack(">BHH", APPLICATION_DATA, 0x0303, len(inner) + 16)
        nonce = (self._iv ^ self._sequence).to_bytes(12)
        self._sequence += 1
        return header + self._cipher.encrypt(nonce, inner, header)

    def key_update(self, padding: int = 0) -> bytes:
        """A record that says that the next one has new keys."""
        record = self.record(HANDSHAKE, KEY_UPDATE, padding)
        self._use(self._expand("traffic upd", len(self._secret)))
        return record


def _secret(log: str) -> bytes:
    return bytes.fromhex(next(line.split()[2] for line in log.splitlines() if "CLIENT_TRAFFIC_SECRET_0" in line))
