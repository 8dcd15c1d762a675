"""The request line: methods, targets, versions (RFC 9112 section 3)."""

from corpus.case import Case, Saw, refused, request

# Methods that llhttp knows and that mean something in HTTP.
_METHODS = [
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
    "QUERY",
]


def _path(name: str, target: str, path: str, query: str = "", raw: str | None = None, method: str = "GET") -> Case:
    raw = target.partition("?")[0] if raw is None else raw
    return Case(name, request(f"{method} {target} HTTP/1.1"), (Saw(path, method, query=query, raw_path=raw),))


def _known(method: str) -> Case:
    return Case(f"method {method}", request(f"{method} / HTTP/1.1"), (Saw(method=method),))


def _unknown(method: str, data: bytes) -> Case:
    return refused(f"method {method}", data, 501)


def _bad(name: str, line: str, status: int = 400) -> Case:
    return refused(name, request(line), status)


_PATHS = (
    _path("root", "/", "/"),
    _path("path", "/a/b/c", "/a/b/c"),
    _path("path that ends with a slash", "/a/", "/a/"),
    _path("two slashes", "//a//b", "//a//b"),
    _path("dots are the app's", "/a/../b/./c", "/a/../b/./c"),
    _path("encoded dots", "/%2e%2e/b", "/../b"),
    _path("unreserved", "/-._~aZ09", "/-._~aZ09"),
    _path("sub-delims", "/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
    _path("encoded space", "/a%20b", "/a b"),
    _path("plus is no space in a path", "/a+b", "/a+b"),
    _path("encoded slash", "/a%2Fb", "/a/b"),
    _path("encoded percent is decoded once", "/a%2520b", "/a%20b"),
    _path("encoded NUL", "/a%00b", "/a\0b"),
    _path("encoded line break", "/a%0d%0ab", "/a\r\nb"),
    _path("encoded UTF-8, two bytes", "/%C3%A9", "/é"),
    _path("encoded UTF-8, lower case", "/%c3%a9", "/é"),
    _path("encoded UTF-8, three bytes", "/%E2%82%AC", "/€"),
    _path("encoded UTF-8, four bytes", "/%F0%9F%98%80", "/😀"),
    _path("encoded bytes that are no UTF-8", "/%FF%FE", "/��"),
    _path("encoded UTF-8, overlong", "/%C0%AF", "/��"),
    _path("encoded UTF-8, cut short", "/%E2%82", "/�"),
    _path("percent without digits", "/100%", "/100%"),
    _path("percent with one digit", "/a%4", "/a%4"),
    _path("percent with no hex digits", "/a%zz", "/a%zz"),
    _path("query", "/a?b=c", "/a", "b=c"),
    _path("query that is empty", "/a?", "/a"),
    _path("query is not decoded", "/a?b=%20+%C3%A9", "/a", "b=%20+%C3%A9"),
    _path("second question mark", "/a?b?c", "/a", "b?c"),
    _path("slashes in the query", "/?u=http://h/p", "/", "u=http://h/p"),
    _path("encoded question mark", "/a%3Fb", "/a?b"),
    _path("brackets", "/[a]", "/[a]"),
    _path("what browsers do not encode", '/a"<>\\^`{|}', '/a"<>\\^`{|}'),
    _path("long path", "/" + "a" * 2000, "/" + "a" * 2000),
    _path("asterisk", "*", "*", method="OPTIONS"),
)


def _absolute(name: str, target: str, path: str, host: str, query: str = "") -> Case:
    saw = Saw(path, query=query, headers=(("host", host), ("a", "b")))
    return Case(f"absolute target, {name}", request(f"GET {target} HTTP/1.1", "A: b"), (saw,))


_ABSOLUTE = (
    _absolute("whose host replaces the Host", "http://other/p", "/p", "other"),
    _absolute("with a port", "http://other:8080/p?q", "/p", "other:8080", "q"),
    _absolute("without a path", "http://other", "/", "other"),
    _absolute("with a query and no path", "http://other?q=/", "/", "other", "q=/"),
    _absolute("https", "https://other/p", "/p", "other"),
    _absolute("scheme in capitals", "HTTP://other/p", "/p", "other"),
    _absolute("IPv6", "http://[::1]:80/p", "/p", "[::1]:80"),
    _absolute("with another URL in its path", "http://other/http://third/", "/http://third/", "other"),
    Case(
        "absolute target in HTTP/1.0 without Host",
        request("GET http://other/p HTTP/1.0", "Connection: keep-alive", host=False),
        (Saw("/p", version="1.0", headers=(("host", "other"), ("connection", "keep-alive"))),),
    ),
    refused("absolute target without Host", request("GET http://other/ HTTP/1.1", host=False)),
    refused("absolute target without authority", request("GET http:///p HTTP/1.1")),
    refused("absolute target that is a scheme", request("GET http:// HTTP/1.1")),
    refused("absolute target with user and password", request("GET http://user:secret@h/ HTTP/1.1")),
    refused("absolute target of another scheme", request("GET ftp://h/ HTTP/1.1")),
    refused("asterisk with another method", request("GET * HTTP/1.1")),
    _bad("target without slash", "GET index.html HTTP/1.1"),
    _bad("target that is a query", "GET ?q HTTP/1.1"),
    _bad("target that is a host", "GET h:80 HTTP/1.1"),
    refused("CONNECT to a host", request("CONNECT h:80 HTTP/1.1"), 501),
    refused("CONNECT to a path", request("CONNECT / HTTP/1.1"), 501),
)

_BAD_LINES = (
    _bad("no target", "GET HTTP/1.1"),
    _bad("no version", "GET /", 505),
    refused("no version, and blanks in the line behind it", b"GET /\nHost:  t\r\n\r\n", 505),
    _bad("nothing but a method", "GET"),
    _bad("space in the target", "GET /a b HTTP/1.1"),
    _bad("tab instead of a space", "GET\t/ HTTP/1.1"),
    _bad("space before the method", " GET / HTTP/1.1", 501),
    _bad("space behind the version", "GET / HTTP/1.1 "),
    _bad("carriage return in the target", "GET /a\rb HTTP/1.1"),
    _bad("version in lower case", "GET / http/1.1"),
    _bad("version with two digits", "GET / HTTP/1.10"),
    _bad("version without a dot", "GET / HTTP/11"),
    _bad("version without a minor", "GET / HTTP/1"),
    _bad("another protocol", "GET / HTTPS/1.1"),
    _bad("RTSP", "GET / RTSP/1.0"),
    refused("HTTP/0.9", request("GET / HTTP/0.9"), 505),
    refused("HTTP/1.2", request("GET / HTTP/1.2"), 505),
    refused("HTTP/2.0", request("GET / HTTP/2.0"), 505),
    refused("HTTP/3.0", request("GET / HTTP/3.0"), 505),
    refused("HTTP/9.9", request("GET / HTTP/9.9"), 505),
    refused("two spaces before the target", request("GET  / HTTP/1.1")),
    refused("two spaces behind the target", request("GET /  HTTP/1.1")),
    refused("fragment", request("GET /a#b HTTP/1.1")),
)


def _forbidden(byte: int) -> Case:
    return refused(f"byte {byte:#04x} in the target", request(f"GET /a{chr(byte)}b HTTP/1.1"), splits=False)


_BYTES = [_forbidden(byte) for byte in (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0x100))]

_UNKNOWN = (
    _unknown("that nobody knows", request("FOO / HTTP/1.1")),
    _unknown("in lower case", request("get / HTTP/1.1")),
    _unknown("of nothing but odd letters", request("!#$ / HTTP/1.1")),
    refused(
        "method that begins like a known one",
        request("GETX / HTTP/1.1"),
        400,
    ),
    _unknown("of tokens' odd letters", request("!#$%&'*+-.^_`|~ / HTTP/1.1")),
)

CASES = (*map(_known, _METHODS), *_PATHS, *_ABSOLUTE, *_BAD_LINES, *_UNKNOWN, *_BYTES)
