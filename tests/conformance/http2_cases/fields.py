"""The fields of a request: sections 8.2, 8.3 and 8.5. A malformed request is a stream error (section 8.1.1)."""

from support.frames import END_HEADERS, GET, Fields, headers

from http2_cases.case import Case, answered, refused, without


def _malformed(section: str, name: str, fields: Fields) -> Case:
    return refused(section, name, headers(1, fields))


def _with(name: str, value: str) -> Fields:
    return (*GET, (name, value))


def _but(**given: str) -> Fields:
    """Return a GET with other pseudo-fields."""
    return tuple((name, given.get(name.removeprefix(":"), value)) for name, value in GET)


_NAMES = (
    _malformed("8.2", "a name with a capital letter", _with("X-Name", "a")),
    _malformed("8.2.1", "a name with a space", _with("x name", "a")),
    _malformed("8.2.1", "a name with a control character", _with("x\x01name", "a")),
    _malformed("8.2.1", "a name with a byte beyond ASCII", _with("x\xffname", "a")),
    _malformed("8.2.1", "a name with DEL", _with("x\x7fname", "a")),
    _malformed("8.2.1", "a name with a colon", _with("x:name", "a")),
    _malformed("8.2.1", "an empty name", _with("", "a")),
    _malformed("8.2.1", "a value with NUL", _with("x-name", "a\0b")),
    _malformed("8.2.1", "a value with CR", _with("x-name", "a\rb")),
    _malformed("8.2.1", "a value with LF", _with("x-name", "a\nb")),
    _malformed("8.2.1", "a value that begins with a space", _with("x-name", " a")),
    _malformed("8.2.1", "a value that ends with a tab", _with("x-name", "a\t")),
    answered("8.2.1", "an empty value", headers(1, _with("x-name", ""))),
    answered("8.2.1", "a value beyond ASCII", headers(1, _with("x-name", "\xe4\xff"))),
    answered("8.2.1", "a value with spaces within", headers(1, _with("x-name", "a b\tc"))),
)

_OF_CONNECTIONS = (
    _malformed("8.2.2", "Connection", _with("connection", "keep-alive")),
    _malformed("8.2.2", "Keep-Alive", _with("keep-alive", "timeout=5")),
    _malformed("8.2.2", "Proxy-Connection", _with("proxy-connection", "keep-alive")),
    _malformed("8.2.2", "Transfer-Encoding", _with("transfer-encoding", "chunked")),
    _malformed("8.2.2", "Upgrade", _with("upgrade", "websocket")),
    _malformed("8.2.2", "TE of gzip", _with("te", "trailers, gzip")),
    answered("8.2.2", "TE of trailers", headers(1, _with("te", "trailers"))),
    answered("8.2.3", "a cookie in crumbs", headers(1, (*GET, ("cookie", "a=b"), ("cookie", "c=d")))),
)

_PSEUDO = (
    _malformed("8.3", "a pseudo-field that nobody knows", _with(":test", "a")),
    _malformed("8.3", "the pseudo-field of a response", _with(":status", "200")),
    _malformed("8.3", "a pseudo-field behind a field", (("x-name", "a"), *GET)),
    _malformed("8.3", ":method twice", (*GET, (":method", "GET"))),
    _malformed("8.3", ":scheme twice", (*GET, (":scheme", "http"))),
    _malformed("8.3", ":path twice", (*GET, (":path", "/"))),
    _malformed("8.3", ":authority twice", (*GET, (":authority", "test"))),
    _malformed("8.3.1", "no :method", without(GET, ":method")),
    _malformed("8.3.1", "no :scheme", without(GET, ":scheme")),
    _malformed("8.3.1", "no :path", without(GET, ":path")),
    _malformed("8.3.1", "an empty :path", _but(path="")),
    _malformed("8.3.1", "a :path that does not begin with a slash", _but(path="path")),
    _malformed("8.3.1", "a :path of * without OPTIONS", _but(path="*")),
    _malformed("8.3.1", "a :method that is no token", _but(method="GE T")),
    _malformed("8.3.1", "an empty :method", _but(method="")),
    _malformed("8.3.1", "user information in :authority", _but(authority="user@test")),
    _malformed("8.3.1", "an :authority that is no host", _but(authority="te st")),
    _malformed("8.3.1", "a Host that is not the :authority", (*GET, ("host", "other"))),
    _malformed("8.3.1", "neither :authority nor Host", without(GET, ":authority")),
    answered("8.3.1", "a Host in the place of :authority", headers(1, (*without(GET, ":authority"), ("host", "test")))),
    answered("8.3.1", "a Host that is the :authority", headers(1, (*GET, ("host", "test")))),
    answered("8.3.1", "OPTIONS of *", headers(1, _but(method="OPTIONS", path="*"))),
    answered("8.3.1", "a query", headers(1, _but(path="/?a=b&c=%20"))),
)

_CONNECT: Fields = ((":method", "CONNECT"), (":authority", "test:443"))

_TUNNELS = (
    _malformed("8.5", "CONNECT without :authority", without(_CONNECT, ":authority")),
    _malformed("8.5", "CONNECT with :scheme", (*_CONNECT, (":scheme", "http"))),
    _malformed("8.5", "CONNECT with :path", (*_CONNECT, (":path", "/"))),
    answered("8.5", "CONNECT, which is not served", headers(1, _CONNECT, END_HEADERS), 501),
)

CASES: tuple[Case, ...] = (*_NAMES, *_OF_CONNECTIONS, *_PSEUDO, *_TUNNELS)
