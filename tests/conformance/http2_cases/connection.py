"""Frames and what concerns a connection: sections 3, 4, 5.5, 6.5 to 6.8, RFC 9218."""

from support.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY_UPDATE,
    PUSH_PROMISE,
    SETTINGS,
    block,
    frame,
    headers,
    settings,
    window,
)

from http2_cases.case import (
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PROTOCOL_ERROR,
    Case,
    answered,
    fatal,
    ignored,
)

_RESERVED = 1 << 31

_FRAMES = (
    ignored("4.1", "a frame of a type that nobody knows", frame(0xEE, 0xFF, 1, b"whatever")),
    ignored("4.1", "flags that a PING does not have", frame(PING, 0xFE, 0, bytes(8))),
    answered("4.1", "the reserved bit of a stream's number", headers(1 | _RESERVED)),
    fatal(
        "4.2", "a frame with more than SETTINGS_MAX_FRAME_SIZE bytes", frame(0xEE, 0, 0, bytes(16385)), FRAME_SIZE_ERROR
    ),
    answered("4.2", "a head in as many bytes as a frame may have", headers(1, (*GET, ("x", "a" * 4000)))),
    fatal(
        "5.5",
        "an unknown frame within the fields of a head",
        frame(HEADERS, END_STREAM, 1, block(*GET)) + frame(0xEE, 0, 1),
        PROTOCOL_ERROR,
    ),
)

_SETTINGS = (
    fatal("6.5", "an acknowledgement with a payload", frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
    fatal("6.5", "settings on a stream", frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
    fatal("6.5", "settings of seven bytes", frame(SETTINGS, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    ignored("6.5.2", "a setting that nobody knows", settings((0xBEEF, 7))),
    fatal("6.5.2", "ENABLE_PUSH of 2", settings((0x2, 2)), PROTOCOL_ERROR),
    ignored("6.5.2", "ENABLE_PUSH of 1", settings((0x2, 1))),
    fatal("6.5.2", "INITIAL_WINDOW_SIZE beyond 2^31 - 1", settings((0x4, 1 << 31)), FLOW_CONTROL_ERROR),
    ignored("6.5.2", "INITIAL_WINDOW_SIZE of 2^31 - 1", settings((0x4, (1 << 31) - 1))),
    fatal("6.5.2", "MAX_FRAME_SIZE below 2^14", settings((0x5, (1 << 14) - 1)), PROTOCOL_ERROR),
    fatal("6.5.2", "MAX_FRAME_SIZE beyond 2^24 - 1", settings((0x5, 1 << 24)), PROTOCOL_ERROR),
    ignored("6.5.2", "MAX_FRAME_SIZE of 2^24 - 1", settings((0x5, (1 << 24) - 1))),
    ignored("6.5.2", "HEADER_TABLE_SIZE of 0", settings((0x1, 0))),
    ignored("6.5.2", "HEADER_TABLE_SIZE of 2^32 - 1", settings((0x1, (1 << 32) - 1))),
    ignored("6.5.3", "a value twice, the second in force", settings((0x4, 0), (0x4, 65535))),
    fatal("RFC 8441 3", "ENABLE_CONNECT_PROTOCOL of 2", settings((0x8, 2)), PROTOCOL_ERROR),
    fatal("RFC 9218 2.1", "NO_RFC7540_PRIORITIES of 2", settings((0x9, 2)), PROTOCOL_ERROR),
)

_OTHERS = (
    fatal(
        "6.6",
        "a promise of the client's",
        frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(*GET)),
        PROTOCOL_ERROR,
    ),
    fatal("6.7", "a PING on a stream", frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
    fatal("6.7", "a PING of six bytes", frame(PING, 0, 0, bytes(6)), FRAME_SIZE_ERROR),
    fatal("6.7", "a PING of nine bytes", frame(PING, 0, 0, bytes(9)), FRAME_SIZE_ERROR),
    ignored("6.7", "an answer to a PING that was not sent", frame(PING, ACK, 0, b"unasked!")),
    fatal("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    fatal("6.8", "GOAWAY of four bytes", frame(GOAWAY, 0, 0, bytes(4)), FRAME_SIZE_ERROR),
    fatal("6.9", "a window of the connection that grows by 0", window(0), PROTOCOL_ERROR),
    fatal("6.9", "WINDOW_UPDATE of three bytes", frame(8, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    fatal("6.9.1", "a window of the connection beyond 2^31 - 1", window((1 << 31) - 1), FLOW_CONTROL_ERROR),
    ignored("6.9", "the reserved bit of WINDOW_UPDATE", window(1 | _RESERVED)),
    fatal("6.10", "CONTINUATION without a head", frame(CONTINUATION, END_HEADERS, 1, block(*GET)), PROTOCOL_ERROR),
    fatal("6.10", "CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0, block(*GET)), PROTOCOL_ERROR),
    fatal("RFC 9218 7.1", "PRIORITY_UPDATE on a stream", frame(PRIORITY_UPDATE, 0, 1, b"\0\0\0\1u=1"), PROTOCOL_ERROR),
    fatal("RFC 9218 7.1", "PRIORITY_UPDATE for stream 0", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\0u=1"), PROTOCOL_ERROR),
    fatal("RFC 9218 7.1", "PRIORITY_UPDATE of three bytes", frame(PRIORITY_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
    ignored("RFC 9218 7.1", "PRIORITY_UPDATE for a stream to come", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=1")),
    ignored("RFC 9218 5", "PRIORITY_UPDATE that cannot be read", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1===")),
)

CASES: tuple[Case, ...] = (*_FRAMES, *_SETTINGS, *_OTHERS)
