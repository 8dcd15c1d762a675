"""Hostile clients of WebSockets."""

import zlib
from collections.abc import Callable

from websockets.frames import Frame, Opcode

from support.hostile.attack import Attack, Script, once, repeated
from support.websocket import HANDSHAKE

POLICY = "close 1008"


def shake(path: str = "/echo", more: str = "") -> bytes:
    """The handshake."""
    return HANDSHAKE.format(path=path, more=more).encode()


def frame(opcode: int, data: bytes = b"", fin: bool = True, rsv1: bool = False) -> bytes:
    """A frame of a client's."""
    made = bytearray(Frame(Opcode(opcode), data, fin=fin).serialize(mask=True))
    made[0] |= 0x40 * rsv1
    return bytes(made)


def opened(first: bytes, again: bytes, path: str = "/echo", more: str = "", pause: float = 0.0) -> Callable[[], Script]:
    """A script that shakes hands, waits for the answer, and goes on."""

    def script() -> Script:
        yield shake(path, more)
        yield 0.2
        yield from repeated(first, again, pause)()

    return script


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(9, wbits=-15)
    return frame(Opcode.BINARY, (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv1=True)


def bomb(size: int) -> bytes:
    """A message of so many zeros, which deflate makes a thousandth of."""
    return _deflated(bytes(size))


BEGIN = frame(Opcode.BINARY, fin=False)

ATTACKS = [
    Attack("WebSocket: pings", opened(b"", frame(Opcode.PING)), said=POLICY, quick=True),
    Attack("WebSocket: pings of 125 bytes, not reading", opened(b"", frame(Opcode.PING, bytes(125))), reads=0),
    Attack("WebSocket: pongs", opened(b"", frame(Opcode.PONG)), said=POLICY),
    Attack("WebSocket: pings to an app that does not receive", opened(b"", frame(Opcode.PING), "/waits")),
    Attack("WebSocket: empty fragments", opened(BEGIN, frame(Opcode.CONT, fin=False)), said=POLICY, quick=True),
    Attack("WebSocket: fragments of a byte", opened(BEGIN, frame(Opcode.CONT, b"x", fin=False)), said=POLICY),
    Attack("WebSocket: empty messages", opened(b"", frame(Opcode.BINARY))),
    Attack("WebSocket: messages of a byte", opened(b"", frame(Opcode.BINARY, b"x"))),
    Attack("WebSocket: messages of a byte, deflated", opened(b"", _deflated(b"x"), more=DEFLATE)),
    Attack("WebSocket: messages of a byte, not reading", opened(b"", frame(Opcode.BINARY, b"x")), reads=0),
    Attack(
        "WebSocket: messages of 60 KB to an app that does not receive",
        opened(b"", frame(Opcode.BINARY, bytes(60000)), "/waits"),
    ),
    Attack(
        "WebSocket: bombs of 16 MiB",
        opened(b"", bomb(16 << 20), "/takes", more=DEFLATE),
        memory=8 * 1024,
        said="close 1009",
    ),
    Attack("WebSocket: bombs of 256 KiB", opened(b"", bomb(1 << 18), "/takes", more=DEFLATE), memory=8 * 1024),
    Attack("WebSocket: half a handshake", once(shake()[:-2]), connections=200, memory=16),
    Attack("WebSocket: half a frame header", opened(b"", b"\x82", pause=3600.0), connections=200, memory=32),
    Attack(
        "WebSocket: half a message",
        opened(frame(Opcode.BINARY, bytes(1000))[:-10], b"", pause=3600.0),
        connections=200,
        memory=32,
    ),
    Attack(
        "WebSocket: a byte a second",
        opened(frame(Opcode.BINARY, bytes(1000))[:8], b"x", pause=1.0),
        connections=200,
        memory=32,
    ),
    Attack("WebSocket: readers of nothing", once(shake("/endless")), connections=10, reads=0),
    Attack("WebSocket: a reader of a byte a second", once(shake("/endless")), reads=1, rest=1.0),
    Attack("WebSocket: connections that are reset", lambda: iter([shake(), 0.01]), last="reset"),
    Attack("WebSocket: half-closed", lambda: iter([shake(), 0.01]), last="half", connections=50),
]
