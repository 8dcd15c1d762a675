"""What the fuzzers begin with: one input of each kind, so that they need not invent the protocols first."""

import struct
import zlib

from support.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    PING,
    POST,
    PRIORITY,
    PRIORITY_UPDATE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    block,
)

from . import http2_frames, websocket_frames

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
_PLAIN = (
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/a?x=1"),
    ("PATH_INFO", "/a"),
    ("QUERY_STRING", "x=1"),
    ("CONTENT_TYPE", ""),
    ("CONTENT_LENGTH", ""),
    ("HTTP_HOST", "test"),
    ("HTTP_ACCEPT", "*/*"),
    *_VARIABLES[8:12],
    ("SERVER_PROTOCOL", "HTTP/1.1"),
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


def _variables(variables: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(struct.pack("<H", len(word)) + word.encode() for pair in variables for word in pair)


def _packet(block: bytes, modifier1: int = 0) -> bytes:
    return struct.pack("<BHB", modifier1, len(block), 0) + block


_BLOCKS = [_variables(each) for each in (_VARIABLES, _CHUNKED, _WEBSOCKET, _PLAIN)]

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
_PACKETS += [_packet(_BLOCKS[2]) + b"\x81\x81\0\0\0\0a", _packet(b"", 100), _packet(_BLOCKS[3])]


_HEADS = [
    b"GET /path?query HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAccept: */*\r\n\r\n",
    b"GET http://test/a HTTP/1.0\r\nhost:  test \r\nX-A:\tb\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: h2c\r\nConnection: upgrade, http2-settings\r\n"
    b"HTTP2-Settings: AAMAAABk\r\n\r\n",
    *_HTTP,
]

_PSEUDO = b":method: GET\n:scheme: http\n:authority: test\n:path: /a?b\n"
_FIELDS = [
    _PSEUDO + b"cookie: a=b\ncookie: c=d\nx-a: b",
    _PSEUDO + b"host: test\ncontent-length: 0\nexpect: 100-continue\nte: trailers",
    _PSEUDO.replace(b"GET", b"CONNECT") + b":protocol: websocket\nsec-websocket-version: 13",
    b":method: OPTIONS\n:scheme: https\n:path: *\nhost: test",
]

_WEBSOCKET_CONNECT = (
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":path", "/ws"),
    (":authority", "test"),
    ("sec-websocket-version", "13"),
)
_ENDED = END_HEADERS | END_STREAM
_FRAMES = [
    ((SETTINGS, 0, 0, b""), (HEADERS, _ENDED, 1, block(*GET)), (HEADERS, _ENDED, 3, b"\x82\x86\x84\x41\1t")),
    (
        (SETTINGS, 0, 0, struct.pack("!HI", 4, 3)),
        (HEADERS, END_HEADERS, 1, block(*POST)),
        (DATA, 0, 1, b"some"),
        (WINDOW_UPDATE, 0, 0, struct.pack("!I", 100)),
        (WINDOW_UPDATE, 0, 1, struct.pack("!I", 100)),
        (DATA, END_STREAM, 1, b"body"),
    ),
    (
        (SETTINGS, 0, 0, b""),
        (HEADERS, END_HEADERS, 1, block(*_WEBSOCKET_CONNECT)),
        (DATA, 0, 1, b"\x81\x81\0\0\0\0a"),
        (DATA, END_STREAM, 1, b"\x88\x82\0\0\0\0\3\xe8"),
    ),
    (
        (SETTINGS, 0, 0, b""),
        (HEADERS, END_STREAM, 1, block(*GET)),
        (CONTINUATION, END_HEADERS, 1, block(("x-a", "b"))),
        (RST_STREAM, 0, 1, struct.pack("!I", 8)),
        (PING, 0, 0, b"12345678"),
        (PRIORITY, 0, 3, struct.pack("!IB", 1, 16)),
        (PRIORITY_UPDATE, 0, 0, struct.pack("!I", 5) + b"u=1,i"),
        (GOAWAY, 0, 0, struct.pack("!II", 0, 0)),
    ),
    ((SETTINGS, 0, 0, b""), (HEADERS, END_HEADERS, 1, block(*POST)), (HEADERS, _ENDED, 1, block(("x-trailer", "a")))),
    ((SETTINGS, 1, 0, b""), (http2_frames.RAW, 0, 0, b"\0\0\1\0\0\0\0\0\1a")),
]


def _deflated(text: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-12)
    return (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


_MASKED, _BARE, _RAW = websocket_frames.MASKED, websocket_frames.BARE, websocket_frames.RAW
_SESSIONS = [
    ((_MASKED, 0x81, b"text \xc3\xa4"), (_MASKED, 0x82, b"bytes" * 40), (_MASKED, 0x88, b"\3\xe8bye")),
    ((_MASKED, 0x01, b"in "), (_MASKED, 0x89, b"ping"), (_MASKED, 0x00, b"two"), (_MASKED, 0x80, b" pieces")),
    ((_MASKED, 0xC1, _deflated(b"deflated " * 9)), (_MASKED, 0x41, b"\0"), (_MASKED, 0x8A, b"pong")),
    ((_MASKED, 0xC2, _deflated(bytes(2000))), (_MASKED, 0x81, b"\xff")),
    ((_BARE, 0x81, b"unmasked"),),
    ((_RAW, 0, b"\x82\xff\0\0\0\0\0\0\0\1\0\0\0\0a"), (_RAW, 0, b"\x82\xfe\0\1"), (_MASKED, 0x88, b"")),
]
_SAID = [bytes((how,)) + websocket_frames.spell(*each) for each in _SESSIONS for how in (0, 1, 6, 7)]

# Beside what the code itself compares: words of the protocols, which a fuzzer puts together.
WORDS = {
    "plain_head": b"GET |POST |CONNECT | HTTP/1.1\r\n| HTTP/1.0\r\n|\r\nHost: t|\r\nhost:|\r\n\r\n|\r\n |: |:|#|\t"
    b"|\r\nConnection: close|\r\nConnection: upgrade|\r\nUpgrade: websocket|\r\nContent-Length: 1|chunked"
    b"|\r\nTransfer-Encoding: |\r\nExpect: 100-continue|http://|[::1]|gzip, ",
    "http2_request": b":method: |:path: |:authority: |:scheme: |:protocol: |\nhost: test|\ncontent-length: |\ncookie: a"
    b"|\nexpect: 100-continue|\nte: trailers|\ntransfer-encoding: chunked|\nconnection: close|\nupgrade: websocket"
    b"|\nx-a: |http://test/|CONNECT|OPTIONS|*|#",
    "uwsgi_packet": b"HTTP_CONTENT_LENGTH|HTTP_content-length|HTTP_CONNECTION|HTTP_EXPECT|HTTP_TE|UWSGI_SCHEME|CONNECT"
    b"|OPTIONS|HTTP/1.0|http://test/|#|*|upgrade|websocket|chunked|gzip",
}

SEEDS = {
    "uwsgi_packet": _BLOCKS,
    "proxy_header": _HEADERS,
    "plain_head": _HEADS,
    "http2_request": _FIELDS,
    "http2_frames": [http2_frames.spell(*each) for each in _FRAMES],
    "websocket_messages": _SAID,
    "websocket_frames": _SAID,
    "entrance": [*_HTTP, *_PACKETS, *(header + each for header in _HEADERS[:2] for each in (_HTTP[0], _PACKETS[0]))],
}
