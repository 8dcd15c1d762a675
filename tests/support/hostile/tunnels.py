"""Hostile clients of WebSockets over HTTP/2 (RFC 8441): many sessions on one connection."""

from collections.abc import Callable, Iterator

from websockets.frames import Opcode

from support.frames import DATA, END_HEADERS, HEADERS, block, settings, window
from support.frames import PREFACE as MAGIC
from support.frames import frame as http2_frame
from support.hostile.attack import Attack, Script
from support.hostile.websocket import BEGIN, bomb, frame

# Sessions of a connection, and bytes that each sends: the window of a stream has a little more, that of a connection
# is sixteen times as large.
SESSIONS, PIECE = 16, 60000

# Bytes of it that can be sent before the window opens again.
LITTLE = 15000

# Bytes of a frame of HTTP/2.
FRAME = 16000

DEFLATE = ("sec-websocket-extensions", "permessage-deflate")

# SETTINGS_INITIAL_WINDOW_SIZE.
WINDOW = 0x4


def _open(path: str, sessions: int, more: tuple[tuple[str, str], ...] = ()) -> bytes:
    names = (":method", ":protocol", ":scheme", ":path", ":authority", "sec-websocket-version")
    values = ("CONNECT", "websocket", "http", path, "t", "13")
    fields = block(*zip(names, values, strict=True), *more)
    return b"".join(http2_frame(HEADERS, END_HEADERS, stream, fields) for stream in _numbers(sessions))


def _numbers(sessions: int) -> Iterator[int]:
    return iter(range(1, 2 * sessions, 2))


def _in_frames(stream: int, data: bytes) -> bytes:
    pieces = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
    return b"".join(http2_frame(DATA, stream=stream, payload=each) for each in pieces)


def sessions(count: int, each: bytes = b"") -> bytes:
    """So many sessions on one connection, in which this is sent."""
    said = b"".join(_in_frames(stream, each) for stream in _numbers(count))
    return MAGIC + settings() + _open("/echo", count) + said


def opened(
    again: bytes, path: str = "/echo", first: bytes = b"", more: tuple[tuple[str, str], ...] = ()
) -> Callable[[], Script]:
    """A script whose sessions all send this, as often as their windows have room for; then it begins anew."""
    data = first + again * max(1, (PIECE - len(first)) // len(again))

    def script() -> Script:
        yield MAGIC + settings() + window((1 << 31) - 65536) + _open(path, SESSIONS, more)
        yield 0.2
        for stream in _numbers(SESSIONS):
            yield _in_frames(stream, data)
        yield 0.1

    return script


def _silent(first: bytes, again: bytes = b"", path: str = "/echo", begin: bytes = b"") -> Callable[[], Script]:
    """A script whose sessions begin with this, and then send a little every second."""

    def script() -> Script:
        yield MAGIC + settings() + begin + _open(path, SESSIONS)
        yield 0.2
        yield b"".join(_in_frames(stream, first) for stream in _numbers(SESSIONS))
        while True:
            yield 1.0
            yield b"".join(_in_frames(stream, again) for stream in _numbers(SESSIONS) if again)

    return script


def _large() -> Script:
    """Messages of 8 MiB in all sessions at the same time, as fast as their windows open again."""
    yield MAGIC + settings() + window((1 << 31) - 65536) + _open("/waits", SESSIONS)
    yield 0.2
    message = frame(Opcode.BINARY, bytes(8 << 20))
    for at in range(0, len(message), LITTLE):
        yield b"".join(_in_frames(stream, message[at : at + LITTLE]) for stream in _numbers(SESSIONS))
        yield 0.01


def _unread() -> Script:
    yield MAGIC + settings((WINDOW, 0)) + _open("/endless", SESSIONS)
    yield 3600.0


ATTACKS = [
    Attack("WebSocket over HTTP/2: pings", opened(frame(Opcode.PING))),
    Attack("WebSocket over HTTP/2: pongs", opened(frame(Opcode.PONG))),
    Attack("WebSocket over HTTP/2: empty fragments", opened(frame(Opcode.CONT, fin=False), first=BEGIN)),
    Attack("WebSocket over HTTP/2: fragments of a byte", opened(frame(Opcode.CONT, b"x", fin=False), first=BEGIN)),
    Attack("WebSocket over HTTP/2: empty messages", opened(frame(Opcode.BINARY))),
    Attack("WebSocket over HTTP/2: messages of a byte", opened(frame(Opcode.BINARY, b"x"))),
    Attack(
        "WebSocket over HTTP/2: messages of a byte to apps that do not receive",
        opened(frame(Opcode.BINARY, b"x"), "/waits"),
        memory=4096,
    ),
    Attack(
        "WebSocket over HTTP/2: bombs of 256 KiB",
        opened(bomb(1 << 18), "/takes", more=(DEFLATE,)),
        memory=8 * 1024,
    ),
    Attack("WebSocket over HTTP/2: readers of nothing", _unread, memory=2048, reads=0),
    Attack("WebSocket over HTTP/2: messages of 8 MiB to apps that do not receive", _large, 1, memory=80 * 1024),
    Attack("WebSocket over HTTP/2: half a message", _silent(frame(Opcode.BINARY, bytes(1000))[:-10]), memory=1024),
    Attack("WebSocket over HTTP/2: a byte a second", _silent(frame(Opcode.BINARY, bytes(1000))[:8], b"x"), memory=1024),
]
