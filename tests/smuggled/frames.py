"""Requests over HTTP/2 that would be two, or another one, in HTTP/1.1 (RFC 9113 sections 8.1.1, 8.2 and 10.3)."""

from typing import NamedTuple

from smuggled.writing import BEHIND, HIDDEN, WITHIN

Fields = list[tuple[str, str]]

IN_LINE = " HTTP/1.1\r\nHost: t\r\n\r\nGET /scope/hidden HTTP/1.1\r\nHost: t\r\nX: "


class Request(NamedTuple):
    """The fields of a request on a stream, its body, and the trailers behind."""

    fields: Fields
    body: str = HIDDEN
    trailers: Fields = []  # noqa: RUF012 - nobody changes it


def named(*more: tuple[str, str], **pseudo: str) -> Fields:
    """The fields of a POST; those with a colon by their names without it."""
    usual = {"method": "POST", "path": "/scope/seen", "scheme": "http", "authority": "t", **pseudo}
    return [*((f":{name}", value) for name, value in usual.items()), *more]


FIELDS: dict[str, Fields] = {
    "length of 0": named(("content-length", "0")),
    "shorter length": named(("content-length", "5")),
    "longer length": named(("content-length", "4711")),
    "two lengths": named(("content-length", "0"), ("content-length", str(len(HIDDEN)))),
    "a list of lengths": named(("content-length", f"{len(HIDDEN)}, {len(HIDDEN)}")),
    "length with a sign": named(("content-length", f"+{len(HIDDEN)}")),
    "name in capitals": named(("Content-Length", "0")),
    "line break in a value": named(("x", "x\r\ntransfer-encoding: chunked")),
    "line feed in a value": named(("x", "x\ntransfer-encoding: chunked")),
    "carriage return in a value": named(("x", "x\rtransfer-encoding: chunked")),
    "NUL in a value": named(("x", "x\0y")),
    "end of the head in a value": named(("x", "x\r\n\r\n" + HIDDEN)),
    "line break in a name": named(("x: x\r\ntransfer-encoding", "chunked")),
    "colon in a name": named(("transfer-encoding: chunked\r\nx", "x")),
    "blank behind a name": named(("content-length ", "0")),
    "blank before a name": named((" content-length", "0")),
    "empty name": named(("", "x")),
    "request in a path": named(path="/scope/seen" + IN_LINE),
    "blank in a path": named(path="/scope/seen HTTP/1.1"),
    "tab in a path": named(path="/scope/seen\tHTTP/1.1"),
    "request in a method": named(method="GET /scope/hidden HTTP/1.1\r\nHost: t\r\n\r\nPOST"),
    "blank in a method": named(method="GET /scope/hidden"),
    "request in a scheme": named(scheme="http://t/scope/hidden HTTP/1.1\r\nHost: t\r\n\r\nGET http"),
    "path in a scheme": named(scheme="http://t/scope/hidden?"),
    "request in an authority": named(authority="t\r\n\r\n" + HIDDEN),
    "path in an authority": named(authority="t/scope/hidden"),
    "two paths": [*named(), (":path", "/scope/hidden")],
    "path behind the headers": [*named(("x", "x")), (":path", "/scope/hidden")],
    "another host": named(("host", "other")),
    "two hosts": named(("host", "t"), ("host", "other")),
    "connection": named(("connection", "content-length")),
    "keep-alive": named(("keep-alive", "timeout=5")),
    "upgrade": named(("upgrade", "h2c"), ("connection", "upgrade, http2-settings"), ("http2-settings", "")),
    "WebSocket": named(("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")),
    "te": named(("te", "chunked")),
    "expected": named(("expect", "100-continue")),
    "expected oddly": named(("expect", "y")),
    "body of a HEAD": named(method="HEAD"),
    "body of a GET": named(method="GET"),
    "CONNECT": [(":method", "CONNECT"), (":authority", "t:80")],
    "extended CONNECT": named(method="CONNECT"),
}

TRAILERS: dict[str, Fields] = {
    "length": [("content-length", "0")],
    "chunks": [("transfer-encoding", "chunked")],
    "path": [(":path", "/scope/hidden")],
    "line break": [("x", "x\r\n\r\n" + HIDDEN)],
}

PAIRS = {
    **{name: Request(fields) for name, fields in FIELDS.items()},
    "chunks": Request(named(("transfer-encoding", "chunked")), BEHIND),
    "chunks within": Request(named(("transfer-encoding", "chunked")), WITHIN),
    "chunks with a length": Request(
        named(("transfer-encoding", "chunked"), ("content-length", str(len(BEHIND)))), BEHIND
    ),
    **{f"trailers, {name}": Request(named(), HIDDEN, fields) for name, fields in TRAILERS.items()},
}
