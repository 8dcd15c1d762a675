"""Extended CONNECT: RFC 8441 sections 4 and 5."""

from support.frames import DATA, END_HEADERS, Fields, frame, headers

from http2_cases.case import Answered, Case, answered, refused, without

_OPEN: Fields = (
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":path", "/ws"),
    (":authority", "test"),
    ("sec-websocket-version", "13"),
)


def _asked(fields: Fields) -> bytes:
    return headers(1, fields, END_HEADERS)


def _malformed(name: str, fields: Fields) -> Case:
    return refused("RFC 8441 4", name, _asked(fields))


CASES: tuple[Case, ...] = (
    Case("RFC 8441 5", "a session", _asked(_OPEN) + frame(DATA, 0, 1, b"\x81\x85\0\0\0\0hello"), Answered(200)),
    _malformed("no :scheme", without(_OPEN, ":scheme")),
    _malformed("no :path", without(_OPEN, ":path")),
    _malformed("no :authority", without(_OPEN, ":authority")),
    _malformed(":protocol with GET", ((":method", "GET"), *_OPEN[1:])),
    _malformed("an empty :protocol", tuple((n, "" if n == ":protocol" else v) for n, v in _OPEN)),
    _malformed(":protocol twice", (*_OPEN[:2], (":protocol", "websocket"), *_OPEN[2:])),
    answered("RFC 8441 4", "a protocol that is not served", _asked((_OPEN[0], (":protocol", "tea"), *_OPEN[2:])), 501),
    answered("RFC 8441 5", "another version", _asked((*_OPEN[:5], ("sec-websocket-version", "8"))), 426),
    answered("RFC 8441 5", "no version", _asked(_OPEN[:5]), 426),
)
