"""Hostile clients of TLS that do not get beyond its handshake; those that do are clients of what is spoken inside."""

import ssl

from support.hostile.attack import Attack, Script, once, repeated


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


ATTACKS = [
    Attack("TLS: half a ClientHello", once(hello()[:100]), connections=200, memory=96, secure=True),
    Attack("TLS: a ClientHello alone", once(hello()), connections=200, memory=128, secure=True),
    Attack("TLS: ClientHellos on ever new connections", _hellos, connections=5, secure=True),
    Attack("TLS: no handshake", repeated(b"", b"\x16\x03\x01\x40\x00" + bytes(16384)), secure=True),
]
