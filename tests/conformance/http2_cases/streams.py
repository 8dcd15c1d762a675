"""Streams, their states, bodies and windows: sections 5.1, 5.3, 6.1 to 6.4, 6.9, 8.1."""

from support.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    HEADERS,
    PADDED,
    POST,
    PRIORITY,
    RST_STREAM,
    block,
    frame,
    headers,
    reset,
    window,
)

from http2_cases.case import (
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    Answered,
    Case,
    Ignored,
    Refused,
    answered,
    fatal,
    ignored,
    refused,
)

_UPLOAD = headers(1, POST, END_HEADERS)
_HALF = len(block(*GET)) // 2
_FIRST, _SECOND = block(*GET)[:_HALF], block(*GET)[_HALF:]
_LATE: tuple[tuple[str, str], ...] = (*GET[:2], (":path", "/sleep?seconds=0.3"), GET[3])


def _length(announced: str, *pieces: bytes) -> bytes:
    body = [frame(DATA, 0, 1, piece) for piece in pieces[:-1]] + [frame(DATA, END_STREAM, 1, pieces[-1])]
    return headers(1, (*POST, ("content-length", announced)), END_HEADERS) + b"".join(body)


_STATES = (
    fatal("5.1", "DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"), PROTOCOL_ERROR, STREAM_CLOSED),
    fatal("5.1", "RST_STREAM on an idle stream", reset(), PROTOCOL_ERROR),
    fatal("5.1", "WINDOW_UPDATE on an idle stream", window(1, 1), PROTOCOL_ERROR),
    fatal("5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, block(*GET)), PROTOCOL_ERROR),
    Case(
        "5.1",
        "DATA behind the end of the request",
        headers(1, _LATE) + frame(DATA, END_STREAM, 1, b"x"),
        Refused((STREAM_CLOSED,), or_fatal=True),
    ),
    Case(
        "5.1", "HEADERS behind the end of the request", headers(1, _LATE) * 2, Refused((STREAM_CLOSED,), or_fatal=True)
    ),
    fatal(
        "5.1",
        "CONTINUATION behind the end of the request",
        headers(1, _LATE) + frame(CONTINUATION, END_HEADERS, 1, block(*GET)),
        STREAM_CLOSED,
        PROTOCOL_ERROR,
    ),
    Case("5.1", "DATA behind RST_STREAM", _UPLOAD + reset() + frame(DATA, END_STREAM, 1, b"x"), Ignored()),
    ignored("5.1", "WINDOW_UPDATE behind RST_STREAM", _UPLOAD + reset() + window(1, 1)),
    ignored("5.1", "RST_STREAM behind RST_STREAM", _UPLOAD + reset() + reset()),
    fatal("5.1", "CONTINUATION behind RST_STREAM", _UPLOAD + reset() + frame(CONTINUATION, 4, 1), PROTOCOL_ERROR),
    fatal("5.1.1", "a stream with an even number", headers(2), PROTOCOL_ERROR),
    # libnghttp2 cannot tell such a head from trailers that were on their way to a stream which it has forgotten.
    ignored("5.1.1", "a number that is less than the last one, against the rule", headers(5, _LATE) + headers(3)),
    answered("5.1.1", "numbers that are left out", headers(1)),
    Case(
        "5.1.2",
        "more streams at a time than are allowed",
        b"".join(headers(1 + 2 * n, _LATE) for n in range(102)),
        Refused((REFUSED_STREAM, PROTOCOL_ERROR), stream=201, or_fatal=True),
    ),
    answered("5.3.2", "the priorities of RFC 7540", frame(HEADERS, 0x25, 1, b"\0\0\0\0\x0f" + block(*GET))),
    ignored("5.3.2", "PRIORITY of a stream to come", frame(PRIORITY, 0, 9, b"\0\0\0\0\x0f")),
)

_FRAMES = (
    fatal("6.1", "DATA on stream 0", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    fatal("6.1", "more padding than DATA", _UPLOAD + frame(DATA, PADDED, 1, b"\x05xx"), PROTOCOL_ERROR),
    answered("6.1", "padding", _UPLOAD + frame(DATA, PADDED | END_STREAM, 1, b"\x03hello\0\0\0"), body=b"hello"),
    answered("6.1", "nothing but padding", _UPLOAD + frame(DATA, PADDED | END_STREAM, 1, b"\x03\0\0\0"), body=b""),
    fatal(
        "6.1",
        "DATA that ends before its padding's length",
        _UPLOAD + frame(DATA, PADDED, 1),
        FRAME_SIZE_ERROR,
        PROTOCOL_ERROR,
    ),
    fatal("6.2", "HEADERS on stream 0", headers(0), PROTOCOL_ERROR),
    fatal("6.2", "more padding than HEADERS", frame(HEADERS, 0xD, 1, b"\xff" + block(*GET)), PROTOCOL_ERROR),
    answered("6.2", "padding of a head", frame(HEADERS, 0xD, 1, b"\x02" + block(*GET) + b"\0\0")),
    answered("6.2", "priority and padding", frame(HEADERS, 0x2D, 1, b"\x02\0\0\0\0\x0f" + block(*GET) + b"\0\0")),
    fatal(
        "6.2", "HEADERS too short for its priority", frame(HEADERS, 0x25, 1, b"\0\0"), FRAME_SIZE_ERROR, PROTOCOL_ERROR
    ),
    fatal(
        "6.2", "PRIORITY within a head", frame(HEADERS, 1, 1, _FIRST) + frame(PRIORITY, 0, 1, bytes(5)), PROTOCOL_ERROR
    ),
    fatal("6.2", "another stream's head within a head", frame(HEADERS, 1, 1, _FIRST) + headers(3), PROTOCOL_ERROR),
    fatal("6.2", "DATA within a head", frame(HEADERS, 0, 1, _FIRST) + frame(DATA, 1, 1, b"x"), PROTOCOL_ERROR),
    fatal(
        "6.2",
        "another stream's CONTINUATION",
        frame(HEADERS, 1, 1, _FIRST) + frame(CONTINUATION, 4, 3, _SECOND),
        PROTOCOL_ERROR,
    ),
    answered("6.10", "a head in two frames", frame(HEADERS, 1, 1, _FIRST) + frame(CONTINUATION, 4, 1, _SECOND)),
    answered(
        "6.10",
        "a head in four frames",
        frame(HEADERS, 1, 1, _FIRST)
        + frame(CONTINUATION, 0, 1)
        + frame(CONTINUATION, 0, 1)
        + frame(CONTINUATION, 4, 1, _SECOND),
    ),
    answered(
        "6.10", "an empty HEADERS, the head behind it", frame(HEADERS, 1, 1) + frame(CONTINUATION, 4, 1, block(*GET))
    ),
    fatal(
        "6.10",
        "CONTINUATION behind the end of a head",
        headers(1, _LATE) + frame(CONTINUATION, 4, 1, _SECOND),
        PROTOCOL_ERROR,
        STREAM_CLOSED,
    ),
    # libnghttp2 has no eyes for these frames any more, which the standard has given up (section 5.3.2).
    ignored("6.3", "PRIORITY on stream 0, against the rule", frame(PRIORITY, 0, 0, bytes(5))),
    Case(
        "6.3",
        "PRIORITY of four bytes",
        headers(1, _LATE) + frame(PRIORITY, 0, 1, bytes(4)),
        Refused((FRAME_SIZE_ERROR,), or_fatal=True),
    ),
    fatal("6.4", "RST_STREAM on stream 0", reset(0), PROTOCOL_ERROR),
    fatal("6.4", "RST_STREAM of three bytes", headers(1, _LATE) + frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
    ignored("7", "an error code that nobody knows", headers(1, _LATE) + reset(1, 0xEEEE)),
)

_WINDOWS = (
    Case("6.9", "a stream's window that grows by 0", _UPLOAD + window(0, 1), Refused((PROTOCOL_ERROR,), or_fatal=True)),
    Case(
        "6.9.1",
        "a stream's window beyond 2^31 - 1",
        _UPLOAD + window((1 << 31) - 1, 1),
        Refused((FLOW_CONTROL_ERROR,), or_fatal=True),
    ),
    Case(
        "6.9.1",
        "DATA beyond the stream's window",
        headers(1, (*POST[:2], (":path", "/sleep?seconds=1"), POST[3]), END_HEADERS)
        + frame(DATA, 0, 1, bytes(16384)) * 5,
        Refused((FLOW_CONTROL_ERROR,), or_fatal=True),
    ),
)

_BODIES = (
    answered("8.1", "a body in pieces, an empty one at its end", _length("5", b"he", b"llo", b""), body=b"hello"),
    refused("8.1.1", "a body that is shorter than its Content-Length", _length("5", b"hell")),
    refused("8.1.1", "a body that is longer than its Content-Length", _length("5", b"hello!")),
    refused("8.1.1", "a body that becomes longer than its Content-Length", _length("5", b"hel", b"lo", b"!")),
    refused("8.1.1", "no body where one is announced", headers(1, (*POST, ("content-length", "5")))),
    answered("8.1", "trailers", _UPLOAD + frame(DATA, 0, 1, b"hello") + headers(1, (("x-sum", "5"),)), body=b"hello"),
    answered("8.1", "trailers without a body", _UPLOAD + headers(1, (("x-sum", "0"),)), body=b""),
    refused("8.1", "trailers that do not end the request", _UPLOAD + headers(1, (("x-sum", "5"),), END_HEADERS)),
    refused("8.1", "a pseudo-field among the trailers", _UPLOAD + headers(1, ((":path", "/"),))),
    Case(
        "8.1", "a body with a GET", headers(1, GET, END_HEADERS) + frame(DATA, END_STREAM, 1, b"hello"), Answered(200)
    ),
)

CASES: tuple[Case, ...] = (*_STATES, *_FRAMES, *_WINDOWS, *_BODIES)
