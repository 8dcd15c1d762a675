"""The header lines: their grammar, Host, sizes (RFC 9112 sections 3.2 and 5, RFC 9110 section 5)."""

from corpus.case import HOST, Case, Saw, refused, request


def _line(name: str, line: str, *seen: tuple[str, str]) -> Case:
    return Case(name, request("GET / HTTP/1.1", line), (Saw(headers=(HOST, *seen)),))


def _bad(name: str, line: str) -> Case:
    return refused(name, request("GET / HTTP/1.1", line), 400)


_LINES = (
    _line("simple", "A: b", ("a", "b")),
    _line("no space behind the colon", "A:b", ("a", "b")),
    _line("many spaces around the value", "A:   b   ", ("a", "b")),
    _line("tabs around the value", "A:\tb\t", ("a", "b")),
    _line("spaces and tabs mixed", "A: \t b \t ", ("a", "b")),
    _line("spaces within the value", "A: b  c", ("a", "b  c")),
    _line("tab within the value", "A: b\tc", ("a", "b\tc")),
    _line("empty value", "A:", ("a", "")),
    _line("value of spaces", "A:   ", ("a", "")),
    _line("colons in the value", "A: b:c: d", ("a", "b:c: d")),
    _line("name in capitals", "X-LOUD: b", ("x-loud", "b")),
    _line("name of tokens' odd letters", "!#$%&'*+-.^_`|~1a: b", ("!#$%&'*+-.^_`|~1a", "b")),
    _line("underscore in the name", "X_Y: b", ("x_y", "b")),
    _line("name of digits", "123: b", ("123", "b")),
    _line("repeated", "A: b\r\nA: c", ("a", "b"), ("a", "c")),
    _line("repeated in another case", "A: b\r\na: c", ("a", "b"), ("a", "c")),
    _line("cookies", "Cookie: a=b; c=d\r\nCookie: e=f", ("cookie", "a=b; c=d"), ("cookie", "e=f")),
    _line("latin-1", "A: \xe9", ("a", "\xe9")),
    _line("bytes above 0x7f", "A: \x80\xff", ("a", "\x80\xff")),
    _line("quoted string", 'A: "b\\"c"', ("a", '"b\\"c"')),
    _line("long value", "A: " + "b" * 3000, ("a", "b" * 3000)),
    _line("a hundred of them", "\r\n".join(f"H{n}: {n}" for n in range(100)), *((f"h{n}", str(n)) for n in range(100))),
    _line("proxies' names", "X-Forwarded-For: 1.2.3.4", ("x-forwarded-for", "1.2.3.4")),
    _line("Upgrade without Connection", "Upgrade: websocket", ("upgrade", "websocket")),
    _bad("space before the colon", "A : b"),
    _bad("tab before the colon", "A\t: b"),
    _bad("space in the name", "A B: c"),
    _bad("no colon", "nothing"),
    _bad("empty name", ": b"),
    _bad("folded", "A: b\r\n c"),
    _bad("folded with a tab", "A: b\r\n\tc"),
    _bad("folded to nothing", "A: b\r\n "),
    refused("folded first line", b"GET / HTTP/1.1\r\n Host: t\r\n\r\n"),
    _bad("carriage return in the value", "A: b\rc"),
    _bad("carriage return at the end of the value", "A: b\r"),
    refused("lines that end with LF alone", b"GET / HTTP/1.1\nHost: t\n\n", 400),
    refused(
        "one line that ends with LF alone",
        b"GET / HTTP/1.1\r\nA: b\nHost: t\r\n\r\n",
        400,
    ),
    Case(
        "empty line before the request",
        b"\r\n" + request("GET / HTTP/1.1"),
        (Saw(),),
    ),
)


def _forbidden_value(byte: int) -> Case:
    data = request("GET / HTTP/1.1", f"A: b{chr(byte)}c")
    return refused(f"byte {byte:#04x} in a value", data, 400, splits=False)


def _forbidden_name(byte: int) -> Case:
    return refused(f"byte {byte:#04x} in a name", request("GET / HTTP/1.1", f"A{chr(byte)}B: c"), splits=False)


def _allowed_value(byte: int) -> Case:
    seen = (HOST, ("a", f"b{chr(byte)}c"))
    data = request("GET / HTTP/1.1", f"A: b{chr(byte)}c")
    return Case(f"byte {byte:#04x} in a value", data, (Saw(headers=seen),), splits=False)


_CONTROL = [byte for byte in (*range(0x20), 0x7F) if byte not in b"\t\r\n"]
_NO_TOKEN = [byte for byte in range(0x100) if chr(byte) not in "!#$%&'*+-.^_`|~:\r\n" and not chr(byte).isalnum()]
_NO_TOKEN += [byte for byte in range(0x80, 0x100) if chr(byte).isalnum()]

_BYTES = (
    *map(_forbidden_value, _CONTROL),
    *map(_forbidden_name, sorted(set(_NO_TOKEN))),
    *map(_allowed_value, (0x21, 0x22, 0x28, 0x3A, 0x5C, 0x7E, 0x80, 0xA0, 0xFF)),
)


def _host(name: str, value: str) -> Case:
    data = request("GET / HTTP/1.1", f"Host: {value}", host=False)
    return Case(f"Host, {name}", data, (Saw(headers=(("host", value),)),))


def _bad_host(name: str, value: str) -> Case:
    return refused(f"Host, {name}", request("GET / HTTP/1.1", f"Host: {value}", host=False))


_HOSTS = (
    _host("name", "example.org"),
    _host("name with a port", "example.org:8080"),
    _host("port that is empty", "example.org:"),
    _host("name with an underscore", "my_host"),
    _host("encoded", "ex%41mple"),
    _host("IPv4", "127.0.0.1:80"),
    _host("IPv6", "[::1]"),
    _host("IPv6 with a port", "[2001:db8::1]:443"),
    _host("IPv4 in IPv6", "[::ffff:127.0.0.1]"),
    _host("empty", ""),
    _bad_host("with a path", "example.org/a"),
    _bad_host("with a user", "user@example.org"),
    _bad_host("with a space", "a b"),
    _bad_host("two names", "a, b"),
    _bad_host("port that is no number", "example.org:http"),
    _bad_host("IPv6 without brackets", "::1"),
    _bad_host("IPv6 not closed", "[::1"),
    _bad_host("with a question mark", "a?b"),
    _bad_host("with quotes", '"a"'),
    _bad_host("not ASCII", "ex\xe4mple"),
    refused("no Host", request("GET / HTTP/1.1", host=False)),
    refused("two Hosts", request("GET / HTTP/1.1", "Host: t")),
    refused("two Hosts that differ", request("GET / HTTP/1.1", "Host: other")),
    refused("two Hosts in HTTP/1.0", request("GET / HTTP/1.0", "Host: t")),
    Case(
        "no Host in HTTP/1.0",
        request("GET / HTTP/1.0", host=False),
        (Saw(version="1.0", headers=()),),
        "closed",
    ),
)


def _large(name: str, start: str, *lines: str, status: int) -> Case:
    return refused(name, request(start, *lines), status, splits=False)


def _fits(name: str, start: str, saw: Saw, *lines: str) -> Case:
    return Case(name, request(start, *lines), (saw,), splits=False)


_PATH_8192 = "/" + "a" * 8191
_LINES_30K = tuple(f"H{n}: {'v' * 1000}" for n in range(30))

_SIZES = (
    _fits("target of 8,192 bytes", f"GET {_PATH_8192} HTTP/1.1", Saw(_PATH_8192)),
    _fits("head of 30 KB", "GET / HTTP/1.1", Saw(), *_LINES_30K),
    _large("target of 8,193 bytes", f"GET {_PATH_8192}a HTTP/1.1", status=414),
    _large("target of 30,000 bytes", f"GET /{'a' * 30000} HTTP/1.1", status=414),
    _large("target of 60,000 bytes", f"GET /{'a' * 60000} HTTP/1.1", status=414),
    _large("query of 9,000 bytes", f"GET /?{'a' * 9000} HTTP/1.1", status=414),
    _large("head of 33 KB", "GET / HTTP/1.1", *_LINES_30K, f"A: {'v' * 3000}", status=431),
    _large("value of 40,000 bytes", "GET / HTTP/1.1", f"A: {'v' * 40000}", status=431),
    _large("name of 40,000 bytes", "GET / HTTP/1.1", f"{'n' * 40000}: v", status=431),
    _large("value of 200,000 bytes", "GET / HTTP/1.1", f"A: {'v' * 200000}", status=431),
    _fits("head of 256 fields", "GET / HTTP/1.1", Saw(), *(f"H{n}: v" for n in range(255))),
    _large("head of 257 fields", "GET / HTTP/1.1", *(f"H{n}: v" for n in range(256)), status=431),
    _large("five thousand headers", "GET / HTTP/1.1", *(f"H{n}: v" for n in range(5000)), status=431),
    refused(
        "target that does not end",
        b"GET /" + b"a" * 40000,
        414,
        splits=False,
    ),
    refused("head that does not end", b"GET / HTTP/1.1\r\nHost: t\r\n" + b"A: b\r\n" * 20000, 431, splits=False),
    refused("value that does not end", b"GET / HTTP/1.1\r\nHost: t\r\nA: " + b"b" * 150000, 431, splits=False),
)

CASES = (*_LINES, *_HOSTS, *_SIZES, *_BYTES)
