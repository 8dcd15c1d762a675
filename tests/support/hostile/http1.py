"""Hostile clients of HTTP/1.1."""

from support.hostile.attack import Attack, Script, dripping, once, repeated

GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
CHUNKED = b"POST /takes HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN_HEAD = b"GET / HTTP/1.1\r\nHost: t\r\n"


def asked(path: str, *lines: str, method: str = "GET") -> bytes:
    """A head."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: t", *lines, "", ""]).encode()


def _resets() -> Script:
    yield asked("/waits")
    yield 0.005


def _tiny_fields() -> Script:
    while True:
        yield OPEN_HEAD + b"a:b\r\n" * 8000 + b"\r\n"


ATTACKS = [
    Attack("HTTP/1.1: pipelined requests", repeated(b"", GET), quick=True),
    Attack("HTTP/1.1: pipelined requests that llhttp reads", repeated(b"", GET.replace(b"GET", b"PUT"))),
    Attack("HTTP/1.1: pipelined requests, not reading", repeated(b"", GET), reads=0),
    Attack("HTTP/1.1: pipelined behind a slow one", repeated(asked("/waits"), GET)),
    Attack("HTTP/1.1: line breaks", repeated(b"", b"\r\n")),
    Attack("HTTP/1.1: chunks of a byte", repeated(CHUNKED, b"1\r\nx\r\n")),
    Attack(
        "HTTP/1.1: chunks of a byte that nobody reads", repeated(CHUNKED.replace(b"/takes", b"/waits"), b"1\r\nx\r\n")
    ),
    Attack("HTTP/1.1: endless chunk extensions", repeated(CHUNKED + b"1", b";a=b"), said="status 431"),
    Attack("HTTP/1.1: chunks of a byte with extensions of 8 KB", repeated(CHUNKED, b"1;" + b"a" * 8000 + b"\r\nx\r\n")),
    Attack("HTTP/1.1: 200 trailers", repeated(b"", CHUNKED + b"0\r\n" + b"a: b\r\n" * 200 + b"\r\n")),
    Attack("HTTP/1.1: pipelined requests of a hundred clients", repeated(b"", GET), connections=100, memory=128),
    Attack("HTTP/1.1: endless trailers", repeated(CHUNKED + b"0\r\n", b"a: b\r\n"), said="status 431"),
    Attack("HTTP/1.1: endless head", repeated(OPEN_HEAD, b"a: b\r\n"), said="status 431"),
    Attack("HTTP/1.1: endless field", repeated(OPEN_HEAD + b"a: ", b"b" * 100), said="status 431"),
    Attack("HTTP/1.1: endless target", repeated(b"GET /", b"a" * 100), said="status 414"),
    Attack("HTTP/1.1: heads of 8,000 fields", _tiny_fields, said="status 431"),
    Attack(
        "HTTP/1.1: bodies without an end",
        repeated(asked("/takes", "Content-Length: 1000000000000", method="POST"), bytes(65536)),
    ),
    Attack("HTTP/1.1: half a head", once(OPEN_HEAD), connections=500, memory=16),
    Attack("HTTP/1.1: nothing", once(b""), connections=500, memory=8),
    Attack(
        "HTTP/1.1: a byte a second of a head", dripping(OPEN_HEAD, b"a: b\r\n" * 100, 1.0), connections=200, memory=16
    ),
    Attack(
        "HTTP/1.1: a byte a second of a body",
        dripping(asked("/takes", "Content-Length: 100000", method="POST"), b"x" * 100, 1.0),
        connections=200,
        memory=32,
    ),
    Attack(
        "HTTP/1.1: a reader of a byte a second",
        once(asked("/big?size=1000000")),
        connections=50,
        memory=2048,
        reads=1,
        rest=1.0,
    ),
    Attack("HTTP/1.1: readers of nothing", once(asked("/endless")), connections=50, memory=64, reads=0),
    Attack("HTTP/1.1: half-closed", lambda: iter([asked("/waits")]), last="half", connections=50),
    Attack("HTTP/1.1: connections that are reset", _resets, last="reset"),
    Attack("HTTP/1.1: connections that say nothing and close", lambda: iter([0.001])),
    Attack("HTTP/1.1: garbage", repeated(b"", b"\xff\x00garbage\r\n\r\n")),
    Attack(
        "HTTP/1.1: Expect without a body",
        once(asked("/takes", "Expect: 100-continue", "Content-Length: 1000", method="POST")),
        connections=200,
        memory=32,
    ),
]
