"""Clients of WebSockets: one that sends frames as it likes, and websockets' own."""

import struct
from typing import Any

from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from support.http1 import Http1
from support.uwsgi import Server

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def open_(server: Server, path: str = "/echo", **options: Any) -> ClientConnection:
    host, port = server.address
    client: ClientConnection = connect(f"ws://{host}:{port}{path}", **options)
    return client


class Raw(Http1):
    """A client that sends frames as it likes."""

    def ask(self, path: str = "/echo", more: str = "") -> int:
        self.send(HANDSHAKE.format(path=path, more=more).encode())
        return self.head().status

    def frame(self, opcode: int, data: bytes, **bits: bool) -> None:
        frame = bytearray(Frame(Opcode(opcode), data, fin=bits.get("fin", True)).serialize(mask=True))
        frame[0] |= 0x40 * bits.get("rsv1", False)
        self.send(bytes(frame))

    def close_code(self) -> tuple[int, str]:
        """Read frames up to a close."""
        while True:
            first, size = self._exactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", self._exactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._exactly(8))
            data = self._exactly(size)
            if first & 15 == Opcode.CLOSE:
                close = Close.parse(data)
                return int(close.code), close.reason
