"""What the fuzzers begin with: one input of each kind, so that they need not invent the protocols first."""

import struct

_VARIABLES = (
    ("REQUEST_METHOD", "POST"),
    ("REQUEST_URI", "/a%20b?x=1"),
    ("PATH_INFO", "/a b"),
    ("SCRIPT_NAME", "/a"),
    ("QUERY_STRING", "x=1"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("CONTENT_LENGTH", "4"),
    ("CONTENT_TYPE", "text/plain"),
    ("REMOTE_ADDR", "203.0.113.7"),
    ("REMOTE_PORT", "4711"),
    ("SERVER_NAME", "test"),
    ("SERVER_PORT", "80"),
    ("HTTPS", "on"),
    ("UWSGI_ROUTER", "http"),
)
_CHUNKED = (*_VARIABLES[:6], ("HTTP_TRANSFER_ENCODING", "chunked"))
_WEBSOCKET = (
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/ws"),
    ("HTTP_HOST", "test"),
    ("HTTP_UPGRADE", "websocket"),
    ("HTTP_CONNECTION", "Upgrade"),
    ("HTTP_SEC_WEBSOCKET_VERSION", "13"),
    ("HTTP_SEC_WEBSOCKET_KEY", "AAAAAAAAAAAAAAAAAAAAAA=="),
)


def _block(variables: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(struct.pack("<H", len(word)) + word.encode() for pair in variables for word in pair)


def _packet(block: bytes, modifier1: int = 0) -> bytes:
    return struct.pack("<BHB", modifier1, len(block), 0) + block


_BLOCKS = [_block(each) for each in (_VARIABLES, _CHUNKED, _WEBSOCKET)]

_V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V2 = _SIGNATURE + struct.pack("!BBH4s4sHH", 0x21, 0x11, 20, b"\xcb\0\x71\7", b"\xc6\x33\x64\1", 4711, 443)
_V2 += struct.pack("!BHBI", 0x20, 5, 1, 0)
_HEADERS = [_V1, _V2, b"PROXY UNKNOWN\r\n", _SIGNATURE + b"\x20\0\0\0"]

_HTTP = [
    b"GET /path?query HTTP/1.1\r\nHost: test\r\n\r\n" * 2,
    b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\3\1\5\0\0\0\1\x82\x84\x86",
    b"GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x81\0\0\0\0a",
]
_PACKETS = [_packet(_BLOCKS[0]) + b"body", _packet(_BLOCKS[1]) + b"4\r\nbody\r\n0\r\n\r\n"]
_PACKETS += [_packet(_BLOCKS[2]) + b"\x81\x81\0\0\0\0a", _packet(b"", 100)]

SEEDS = {
    "uwsgi_packet": _BLOCKS,
    "proxy_header": _HEADERS,
    "entrance": [*_HTTP, *_PACKETS, *(header + each for header in _HEADERS[:2] for each in (_HTTP[0], _PACKETS[0]))],
}
