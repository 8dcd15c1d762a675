"""Several requests on a connection: keep-alive, pipelining, upgrades that are not followed, what is left unread."""

from corpus.case import HOST, Case, Saw, request


def _get(path: str = "/", *lines: str, version: str = "1.1") -> bytes:
    return request(f"GET {path} HTTP/{version}", *lines)


def _closes(name: str, *lines: str, version: str = "1.1") -> Case:
    return Case(name, _get("/", *lines, version=version), (Saw(version=version),), "closed")


_CLOSING = (
    _closes("Connection: close", "Connection: close"),
    _closes("Connection: Close", "Connection: Close"),
    _closes("Connection: close among others", "Connection: a, close, b"),
    _closes("Connection: close and keep-alive", "Connection: close, keep-alive"),
    _closes("Connection: keep-alive and close, two lines", "Connection: keep-alive", "Connection: close"),
    _closes("HTTP/1.0", version="1.0"),
    _closes("HTTP/1.0 that says close", "Connection: close", version="1.0"),
    Case("Connection: keep-alive", _get("/", "Connection: keep-alive"), (Saw(),)),
    Case("Connection of other names", _get("/", "Connection: closed, xclose"), (Saw(),)),
    Case("empty Connection", _get("/", "Connection:"), (Saw(),)),
    Case(
        "HTTP/1.0 with keep-alive",
        _get("/", "Connection: keep-alive", version="1.0"),
        (Saw(version="1.0"),),
    ),
    Case(
        "HTTP/1.0 with Keep-Alive in capitals",
        _get("/", "Connection: Keep-Alive", version="1.0"),
        (Saw(version="1.0"),),
    ),
)

_POST = request("POST /p HTTP/1.1", "Content-Length: 5", body="hello")
_CHUNKS = request("POST /c HTTP/1.1", "Transfer-Encoding: chunked", body="5\r\nhello\r\n0\r\n\r\n")
_SAW_POST = Saw("/p", "POST", "hello")
_SAW_CHUNKS = Saw("/c", "POST", "hello")
_UNHEEDED = _get("/", "Connection: upgrade", "Upgrade: tea")

_PIPELINED = (
    Case("blanks in the line behind a body", _POST + _get(" /2"), (_SAW_POST, 400), "closed"),
    Case("blanks in the line behind chunks", _CHUNKS + _get(" /2"), (_SAW_CHUNKS, 400), "closed"),
    Case("blanks in the line behind an upgrade", _UNHEEDED + _get(" /2"), (Saw(), 400), "closed"),
    Case("blanks in a value behind an upgrade", _UNHEEDED + _get("/2", "X-A: b  c"), (Saw(), Saw("/2"))),
    Case("two requests", _get("/1") + _get("/2"), (Saw("/1"), Saw("/2"))),
    Case("ten requests", b"".join(_get(f"/{n}") for n in range(10)), tuple(Saw(f"/{n}") for n in range(10))),
    Case("a request behind a body", _POST + _get("/2"), (_SAW_POST, Saw("/2"))),
    Case("a request behind chunks", _CHUNKS + _get("/2"), (_SAW_CHUNKS, Saw("/2"))),
    Case(
        "bodies behind requests", _get("/1") + _POST + _CHUNKS + _POST, (Saw("/1"), _SAW_POST, _SAW_CHUNKS, _SAW_POST)
    ),
    Case(
        "empty line between requests",
        _POST + b"\r\n" + _get("/2"),
        (_SAW_POST, Saw("/2")),
    ),
    Case(
        "HEAD between others",
        _get("/1") + request("HEAD /2 HTTP/1.1") + _get("/3"),
        (Saw("/1"), Saw("/2", "HEAD"), Saw("/3")),
    ),
    Case("the last one closes", _get("/1") + _get("/2", "Connection: close"), (Saw("/1"), Saw("/2")), "closed"),
    Case("one closes before the last", _get("/1", "Connection: close") + _get("/2"), (Saw("/1"),), "closed"),
    Case(
        "nonsense behind one that closes", _get("/1", "Connection: close") + b"nonsense\r\n\r\n", (Saw("/1"),), "closed"
    ),
    Case("HTTP/1.0 before another", _get("/1", version="1.0") + _get("/2"), (Saw("/1", version="1.0"),), "closed"),
    Case(
        "nonsense behind a request",
        _get("/1") + b"\x01\x02\r\n\r\n",
        (Saw("/1"), 501),
        "closed",
    ),
    Case("no Host in the second", _get("/1") + request("GET /2 HTTP/1.1", host=False), (Saw("/1"), 400), "closed"),
    Case(
        "more data than Content-Length",
        request("POST /p HTTP/1.1", "Content-Length: 5", body="hello\x01world\r\n\r\n"),
        (_SAW_POST, 501),
        "closed",
    ),
    Case("another version in the second", _get("/1") + _get("/2", version="2.0"), (Saw("/1"), 505), "closed"),
    Case(
        "many requests at once",
        b"".join(_get(f"/{n}") for n in range(500)),
        tuple(Saw(f"/{n}") for n in range(500)),
        splits=False,
    ),
)

_LEFT = (
    Case(
        "body left unread",
        request("POST /unread HTTP/1.1", "Content-Length: 5", body="hello") + _get("/2"),
        (Saw("/unread", "POST"), Saw("/2")),
    ),
    Case(
        "chunks left unread",
        request("POST /unread HTTP/1.1", "Transfer-Encoding: chunked", body="5\r\nhello\r\n0\r\n\r\n") + _get("/2"),
        (Saw("/unread", "POST"), Saw("/2")),
    ),
)

_EXPECTING = (
    Case(
        "Expect: 100-continue with its body",
        request("POST /p HTTP/1.1", "Expect: 100-continue", "Content-Length: 5", body="hello"),
        (_SAW_POST,),
    ),
    Case(
        "Expect: 100-Continue in capitals",
        request("POST /p HTTP/1.1", "Expect: 100-Continue", "Content-Length: 5", body="hello"),
        (_SAW_POST,),
    ),
    Case("Expect: 100-continue without a body", _get("/", "Expect: 100-continue"), (Saw(),)),
    Case(
        "Expect: 100-continue in HTTP/1.0",
        request("POST /p HTTP/1.0", "Expect: 100-continue", "Content-Length: 5", body="hello"),
        (Saw("/p", "POST", "hello", version="1.0"),),
        "closed",
    ),
    Case(
        "Expect of something else",
        request("POST /p HTTP/1.1", "Expect: tea", "Content-Length: 5", body="hello"),
        (_SAW_POST,),
    ),
)


def _unheeded(name: str, *lines: str, start: str = "GET /", body: str = "", saw: Saw | None = None) -> Case:
    """An Upgrade that is ignored (RFC 9110 section 7.8); the app sees it."""
    data = request(f"{start} HTTP/1.1", "Connection: Upgrade", *lines, body=body)
    seen = tuple((line.split(":")[0].lower(), line.split(":")[1].strip()) for line in lines)
    first = saw or Saw(headers=(HOST, ("connection", "Upgrade"), *seen))
    return Case(f"upgrade not followed, {name}", data + _get("/2"), (first, Saw("/2")))


_UPGRADES = (
    _unheeded("unknown", "Upgrade: tea"),
    _unheeded("TLS", "Upgrade: TLS/1.0"),
    _unheeded("h2c without its settings", "Upgrade: h2c"),
    _unheeded("h2c with settings twice", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk", "HTTP2-Settings: AAMAAABk"),
    _unheeded("several", "Upgrade: tea, coffee"),
    _unheeded("body", "Upgrade: tea", "Content-Length: 5", start="POST /p", body="hello", saw=_SAW_POST),
    _unheeded(
        "chunks",
        "Upgrade: tea",
        "Transfer-Encoding: chunked",
        start="POST /c",
        body="5\r\nhello\r\n0\r\n\r\n",
        saw=_SAW_CHUNKS,
    ),
    _unheeded(
        "websocket by POST", "Upgrade: websocket", "Content-Length: 5", start="POST /p", body="hello", saw=_SAW_POST
    ),
    Case(
        "hundreds of upgrades that are not followed",
        _get("/", "Connection: upgrade", "Upgrade: tea") * 500,
        (Saw(),) * 500,
        splits=False,
    ),
    Case(
        "upgrade in HTTP/1.0",
        _get("/", "Connection: upgrade", "Upgrade: websocket", version="1.0"),
        (Saw(version="1.0"),),
        "closed",
    ),
)


def _cut(name: str, data: bytes, *answers: Saw) -> Case:
    return Case(f"cut short, {name}", data, answers, "waits")


_CUT_SHORT = (
    Case("nothing but an empty line", b"\r\n", (), "waits"),
    _cut("a method", b"GE"),
    _cut("a request line", b"GET / HTTP/1.1"),
    _cut("a line break", b"GET / HTTP/1.1\r\n"),
    _cut("a header", b"GET / HTTP/1.1\r\nHost: t"),
    _cut("the last line break", b"GET / HTTP/1.1\r\nHost: t\r\n\r"),
    _cut("a body", request("POST / HTTP/1.1", "Content-Length: 5", body="hell")),
    _cut("a chunk", request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body="5\r\nhell")),
    _cut("the last chunk", request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body="5\r\nhello\r\n0\r\n")),
)

CASES = (*_CLOSING, *_PIPELINED, *_LEFT, *_EXPECTING, *_UPGRADES, *_CUT_SHORT)
