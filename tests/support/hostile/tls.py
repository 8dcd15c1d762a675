"""Hostile clients of TLS: those that do not get beyond its handshake, and what goes on inside of it."""

import ssl
from dataclasses import replace

from support.hostile import http1, http2, websocket
from support.hostile.attack import Attack, Script, dripping, once, repeated
from support.tls13 import APPLICATION_DATA, Tls13

# What goes on behind the handshake as well; TLS keeps up to 96 KiB more of each.
INSIDE = (
    "HTTP/1.1: pipelined requests",
    "HTTP/1.1: chunks of a byte",
    "HTTP/1.1: endless head",
    "HTTP/1.1: heads of 8,000 fields",
    "HTTP/1.1: garbage",
    "HTTP/1.1: a byte a second of a head",
    "HTTP/1.1: a byte a second of a body",
    "HTTP/1.1: a reader of a byte a second",
    "HTTP/1.1: readers of nothing",
    "HTTP/1.1: connections that are reset",
    "HTTP/2: SETTINGS",
    "HTTP/2: PING",
    "HTTP/2: PRIORITY",
    "HTTP/2: empty DATA",
    "HTTP/2: rapid reset",
    "HTTP/2: CONTINUATION",
    "HTTP/2: HPACK bomb",
    "HTTP/2: more streams than allowed",
    "HTTP/2: window 0, 100 endless streams",
    "HTTP/2: a reader of a byte a second",
    "WebSocket: pings",
    "WebSocket: empty fragments",
    "WebSocket: messages of a byte",
    "WebSocket: bombs of 256 KiB",
    "WebSocket: readers of nothing",
    "WebSocket: a byte a second",
)


def hello() -> bytes:
    """The first record of a client (RFC 8446 section 4.1.2)."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(received, sent, server_hostname="server.test")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("a handshake without an answer")


def _hellos() -> Script:
    yield hello()
    yield 0.02


def _in_records_of_a_byte() -> Script:
    while True:
        yield from (bytes([byte]) for byte in http1.GET)


def _empty(tls: Tls13) -> Script:
    while True:
        yield b"".join(tls.record(APPLICATION_DATA, b"") for _ in range(100))


def _padding(tls: Tls13) -> Script:
    while True:
        yield b"".join(tls.record(APPLICATION_DATA, b"", padding=16000) for _ in range(10))


def _mostly_empty(tls: Tls13) -> Script:
    """A request of a byte a record, and as many empty ones between them as are allowed."""
    while True:
        for _ in range(3):
            yield b"".join(tls.record(APPLICATION_DATA, bytes([byte])) for byte in http1.GET)
        yield tls.record(APPLICATION_DATA, b"")


def _new_keys(tls: Tls13) -> Script:
    while True:
        yield b"".join(tls.key_update() for _ in range(100))


def _inside() -> list[Attack]:
    known = {each.name: each for table in (http1, http2, websocket) for each in table.ATTACKS}
    return [
        replace(
            known[name], name=f"{name}, in TLS", memory=known[name].memory + 96, secure=True, inside=True, quick=False
        )
        for name in INSIDE
    ]


ATTACKS = [
    *_inside(),
    Attack("TLS: records of a byte", _in_records_of_a_byte, secure=True, inside=True),
    Attack("TLS: empty records", once(b""), secure=True, records=_empty),
    Attack("TLS: records of padding", once(b""), secure=True, records=_padding),
    Attack("TLS: empty records between those of a byte", once(b""), secure=True, records=_mostly_empty),
    Attack("TLS: new keys", once(b""), secure=True, records=_new_keys),
    Attack(
        "TLS: a byte a second of a ClientHello", dripping(b"", hello(), 1.0), connections=200, memory=96, secure=True
    ),
    Attack("TLS: half a ClientHello", once(hello()[:100]), connections=200, memory=96, secure=True),
    Attack("TLS: a ClientHello alone", once(hello()), connections=200, memory=128, secure=True),
    Attack("TLS: ClientHellos on ever new connections", _hellos, connections=5, secure=True),
    Attack("TLS: no handshake", repeated(b"", b"\x16\x03\x01\x40\x00" + bytes(16384)), secure=True),
]
