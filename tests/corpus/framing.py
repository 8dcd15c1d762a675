"""The body: Content-Length, chunks, trailers, and what is neither (RFC 9112 sections 6 and 7)."""

from corpus.case import Case, Saw, refused, request


def _length(name: str, value: str, body: str) -> Case:
    data = request("POST / HTTP/1.1", f"Content-Length: {value}", body=body)
    return Case(f"Content-Length, {name}", data, (Saw(method="POST", body=body),))


def _bad_length(name: str, *values: str) -> Case:
    lines = (f"Content-Length: {value}" for value in values)
    return refused(f"Content-Length, {name}", request("POST / HTTP/1.1", *lines, body="hello"), 400)


_HELLO = Saw(method="POST", body="hello")

_LENGTH = (
    _length("0", "0", ""),
    _length("5", "5", "hello"),
    _length("leading zeros", "005", "hello"),
    _length("bytes of any kind", "4", "\x00\xff\r\n"),
    _length("body that looks like a request", "18", "GET / HTTP/1.1\r\n\r\n"),
    _length("spaces around", "  5  ", "hello"),
    _bad_length("negative", "-5"),
    _bad_length("with a plus", "+5"),
    _bad_length("hexadecimal", "0x5"),
    _bad_length("letters", "five"),
    _bad_length("fraction", "5.0"),
    _bad_length("empty", ""),
    _bad_length("two numbers", "5 5"),
    _bad_length("underscore", "5_0"),
    _bad_length("too large for any number", "9" * 25),
    _bad_length("list of different ones", "5, 6"),
    _bad_length("repeated and different", "5", "6"),
    _bad_length("list of the same", "5, 5"),
    _bad_length("repeated", "5", "5"),
    Case("POST without a body", request("POST / HTTP/1.1"), (Saw(method="POST"),)),
    Case("GET with a body", request("GET / HTTP/1.1", "Content-Length: 5", body="hello"), (Saw(body="hello"),)),
    Case(
        "HEAD with a body",
        request("HEAD / HTTP/1.1", "Content-Length: 5", body="hello"),
        (Saw(method="HEAD", body="hello"),),
    ),
    Case(
        "HTTP/1.0 with a body",
        request("POST / HTTP/1.0", "Content-Length: 5", body="hello"),
        (Saw(method="POST", body="hello", version="1.0"),),
        "closed",
    ),
    Case(
        "body of 100,000 bytes",
        request("POST / HTTP/1.1", "Content-Length: 100000", body="x" * 100000),
        (Saw(method="POST", body="x" * 100000),),
        splits=False,
    ),
)


def _chunks(name: str, body: str, seen: str) -> Case:
    data = request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body)
    return Case(f"chunks, {name}", data, (Saw(method="POST", body=seen),))


def _bad_chunks(name: str, body: str) -> Case:
    return refused(f"chunks, {name}", request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body), 400)


_END = "0\r\n\r\n"

_CHUNKED = (
    _chunks("none", _END, ""),
    _chunks("one", f"5\r\nhello\r\n{_END}", "hello"),
    _chunks("several", f"2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n{_END}", "hello"),
    _chunks("hexadecimal size", f"1a\r\n{'x' * 26}\r\n{_END}", "x" * 26),
    _chunks("size in capitals", f"1A\r\n{'x' * 26}\r\n{_END}", "x" * 26),
    _chunks("leading zeros", "0005\r\nhello\r\n0000\r\n\r\n", "hello"),
    _chunks("bytes of any kind", f"4\r\n\x00\xff\r\n\r\n{_END}", "\x00\xff\r\n"),
    _chunks("that look like the last", f"5\r\n{_END}\r\n{_END}", _END),
    _chunks("extension", f"5;a=b\r\nhello\r\n{_END}", "hello"),
    _chunks("extension without a value", f"5;a\r\nhello\r\n{_END}", "hello"),
    _chunks("extension that is quoted", f'5;a="b;c"\r\nhello\r\n{_END}', "hello"),
    _chunks("extension of the last", "5\r\nhello\r\n0;a=b\r\n\r\n", "hello"),
    _chunks("trailer", "5\r\nhello\r\n0\r\nA: b\r\n\r\n", "hello"),
    _chunks("several trailers", "5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n", "hello"),
    _bad_chunks("size that is empty", f"\r\nhello\r\n{_END}"),
    _bad_chunks("size with a sign", f"+5\r\nhello\r\n{_END}"),
    _bad_chunks("size that is negative", f"-5\r\nhello\r\n{_END}"),
    _bad_chunks("size with 0x", f"0x5\r\nhello\r\n{_END}"),
    _bad_chunks("size of letters", f"hello\r\nhello\r\n{_END}"),
    _bad_chunks("size too large for any number", f"{'f' * 25}\r\nhello\r\n{_END}"),
    _bad_chunks("space before the size", f" 5\r\nhello\r\n{_END}"),
    _bad_chunks("size that is too small", f"4\r\nhello\r\n{_END}"),
    _bad_chunks("line break missing behind the data", f"5\r\nhello{_END}"),
    _bad_chunks(
        "trailer that is folded",
        "0\r\nA: b\r\n c\r\n\r\n",
    ),
    _bad_chunks("trailer without colon", "0\r\nbad\r\n\r\n"),
    _bad_chunks("trailer with a space before the colon", "0\r\nA : b\r\n\r\n"),
    _bad_chunks(
        "trailer that names a length",
        "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
    ),
    _bad_chunks("LF alone behind the size", f"5\nhello\r\n{_END}"),
    _bad_chunks("LF alone behind the data", f"5\r\nhello\n{_END}"),
    _bad_chunks("LF alone in an extension", f"5;a\nb\r\nhello\r\n{_END}"),
    _bad_chunks(
        "carriage return in an extension",
        f"5;a\rb\r\nhello\r\n{_END}",
    ),
)


def _coding(name: str, status: int, *values: str, version: str = "1.1") -> Case:
    lines = (f"Transfer-Encoding: {value}" for value in values)
    return refused(f"Transfer-Encoding, {name}", request(f"POST / HTTP/{version}", *lines, body=_END), status)


_CODINGS = (
    _coding("gzip before chunked", 501, "gzip, chunked"),
    _coding("gzip", 501, "gzip"),
    _coding("chunked before gzip", 400, "chunked, gzip"),
    _coding("chunked twice", 400, "chunked, chunked"),
    _coding("two lines", 400, "chunked", "chunked"),
    _coding("identity", 501, "identity"),
    _coding("unknown", 501, "xchunked"),
    _coding("quoted", 501, '"chunked"'),
    _coding("empty", 400, ""),
    _coding("vertical tab", 400, "\x0bchunked"),
    _coding("in HTTP/1.0", 400, "chunked", version="1.0"),
    Case(
        "Transfer-Encoding, in another case",
        request("POST / HTTP/1.1", "transfer-ENCODING: CHUNKED", body=f"5\r\nhello\r\n{_END}"),
        (_HELLO,),
    ),
    Case(
        "Transfer-Encoding, space behind it",
        request("POST / HTTP/1.1", "Transfer-Encoding: chunked ", body=f"5\r\nhello\r\n{_END}"),
        (_HELLO,),
    ),
    refused(
        "Content-Length before Transfer-Encoding",
        request("POST / HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked", body=_END),
    ),
    refused(
        "Content-Length behind Transfer-Encoding",
        request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 5", body=_END),
    ),
    refused(
        "Content-Length of 0 with Transfer-Encoding",
        request("POST / HTTP/1.1", "Content-Length: 0", "Transfer-Encoding: chunked", body=_END),
    ),
    refused(
        "smuggled behind Content-Length with Transfer-Encoding",
        request(
            "POST / HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked", body=f"{_END}GET /2 HTTP/1.1\r\n\r\n"
        ),
    ),
)

CASES = (*_LENGTH, *_CHUNKED, *_CODINGS)
