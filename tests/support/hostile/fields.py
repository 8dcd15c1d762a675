"""Hostile values of header fields, as large as a head may be, in HTTP/1.1, HTTP/2 and packets.

The server has a file for them at FILE, with a compressed sibling, and believes what comes from this machine about whom
it forwards.
"""

import itertools
from pathlib import Path

from support.frames import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, block, frame
from support.hostile.attack import Attack, Script, repeated
from support.hostile.http2 import PREFACE
from support.packets import request

FILE = "/s/file.txt"

# Bytes of a value; a head may have 32,768.
SIZE = 30000


def _filled(piece: str, first: str = "") -> str:
    return first + piece * ((SIZE - len(first)) // len(piece))


VALUES = {
    "the same range 10,000 times": ("Range", _filled("0-,", "bytes=") + "0-"),
    "overlapping ranges": ("Range", "bytes=" + ",".join(f"{first}-" for first in range(5000))),
    "ranges from the end": ("Range", "bytes=" + ",".join(f"-{last}" for last in range(5000))),
    "If-Range": ("If-Range", _filled('"x",')),
    "If-None-Match": ("If-None-Match", _filled('W/"x",')),
    "If-None-Match without an end": ("If-None-Match", _filled('\\"', '"')),
    "If-Match": ("If-Match", _filled('"x",')),
    "If-Modified-Since": ("If-Modified-Since", _filled("Mon, 01 Jan 2024 00:00:00 GMT ")),
    "Accept-Encoding": ("Accept-Encoding", _filled("br;q=0.1,")),
    "Accept-Encoding of commas": ("Accept-Encoding", _filled(",")),
    "Accept-Encoding of digits": ("Accept-Encoding", _filled("1", "gzip;q=0.")),
    "Accept": ("Accept", _filled("a/b;q=0.1,")),
    "Accept-Language": ("Accept-Language", _filled("a;q=0.1,")),
    "cookies": ("Cookie", _filled("a=b; ")),
    "X-Forwarded-For": ("X-Forwarded-For", _filled("192.0.2.1, ")),
    "X-Forwarded-For of our own": ("X-Forwarded-For", _filled("127.0.0.1,")),
    "X-Forwarded-Proto": ("X-Forwarded-Proto", _filled("https,")),
    "X-Forwarded-Host": ("X-Forwarded-Host", _filled("a,")),
    "Forwarded": ("Forwarded", _filled("for=127.0.0.1;proto=https,")),
    "Forwarded in quotes": ("Forwarded", _filled('\\"', 'for="')),
    "Forwarded of semicolons": ("Forwarded", _filled(";")),
    "traceparent": ("traceparent", _filled("a", "00-")),
    "tracestate": ("tracestate", _filled("a=b,")),
    "X-Request-ID": ("X-Request-ID", _filled("a")),
    "Authorization": ("Authorization", _filled("QUJD", "Basic ")),
    "Content-Type": ("Content-Type", _filled(";a=b", "text/plain")),
    "TE": ("TE", _filled("a,")),
    "Expect": ("Expect", _filled("a,")),
    "zeros of Content-Length": ("Content-Length", _filled("0")),
}

# What only HTTP/1.1 gives a meaning.
OF_CONNECTIONS = {
    "Connection": ("Connection", _filled("a,")),
    "Upgrade": ("Connection: upgrade\r\nUpgrade", _filled("a,")),
    "Transfer-Encoding": ("Transfer-Encoding", _filled("chunked,")),
    "Host": ("Host", _filled("a.")),
    "WebSocket extensions": (
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions",
        _filled("permessage-deflate;server_max_window_bits=16,"),
    ),
    "WebSocket subprotocols": (
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol",
        _filled("a,"),
    ),
}


def fill(directory: Path) -> Path:
    """Write the file, and return the directory."""
    (directory / "file.txt").write_bytes(b"x" * 2000)
    (directory / "file.txt.gz").write_bytes(b"y" * 100)
    return directory


def _http1(name: str, value: str) -> bytes:
    host = "" if name == "Host" else "Host: t\r\n"
    path = "/echo" if "websocket" in name else FILE
    return f"GET {path} HTTP/1.1\r\n{host}{name}: {value}\r\n\r\n".encode()


_PSEUDO = ((":method", "GET"), (":scheme", "http"), (":path", FILE), (":authority", "t"))

# Of a frame, as long as the other side has not allowed more (RFC 9113 section 4.2).
_FRAME = 16384


def _http2(stream: int, fields: bytes) -> bytes:
    rest = fields[_FRAME:]
    return frame(HEADERS, END_STREAM, stream, fields[:_FRAME]) + frame(CONTINUATION, END_HEADERS, stream, rest)


def _streams() -> Script:
    blocks = [block(*_PSEUDO, (name.lower(), value)) for name, value in VALUES.values()]
    yield PREFACE
    for stream, fields in zip(range(1, 1 << 30, 2), itertools.cycle(blocks), strict=False):
        yield _http2(stream, fields)


_PACKETS = itertools.cycle(
    [request(FILE, **{f"HTTP_{name.upper().replace('-', '_')}": value}) for name, value in VALUES.values()]
)


def _packets() -> Script:
    yield next(_PACKETS)
    yield 0.02


ATTACKS = [
    *(
        Attack(f"HTTP/1.1: {name}, 30 KB", repeated(b"", _http1(*value)), quick=name == "overlapping ranges")
        for name, value in {**VALUES, **OF_CONNECTIONS}.items()
    ),
    Attack("HTTP/2: fields of 30 KB", _streams),
    Attack("uwsgi: fields of 30 KB", _packets),
]
