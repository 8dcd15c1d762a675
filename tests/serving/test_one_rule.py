"""One rule for one thing: what is refused in one protocol is refused in all of them, however its bytes are cut.

Each request of the corpus is asked over HTTP/1.1, as the head of a WebSocket, in a uwsgi packet and over HTTP/2. Where
a protocol must differ, the case says why.
"""

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hpack import Decoder, Encoder
from hyperframe.frame import ContinuationFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from support.http1 import connect
from support.packets import USUAL, block, packet
from support.uwsgi import Server, Servers

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """A request, and whether it reaches the app."""

    name: str
    served: bool
    method: str = "GET"
    target: str = "/"
    host: tuple[str, ...] = ("test",)
    headers: Headers = ()
    differs: dict[str, str] = field(default_factory=dict)
    """Protocols in which it is the other way round, and why."""


H1, WS, PACKET, H2 = "http/1.1", "websocket", "packet", "h2"

ENDS = "RFC 9112 section 5: the first colon ends the name"
REGISTERED = "RFC 9110 section 16.1.1: llhttp knows the methods of the registry alone"

CASES = [
    Case("plain", True),
    Case("query", True, target="/a?b=c&d=%20"),
    Case("empty query", True, target="/a?"),
    Case("percent", True, target="/%2e%2e/%ff"),
    Case("dots", True, target="/../x"),
    Case("double slash", True, target="//x"),
    Case("OPTIONS of all", True, method="OPTIONS", target="*"),
    Case("asterisk of GET", False, target="*"),
    Case("no slash", False, target="admin"),
    Case("fragment", False, target="/a#b"),
    Case("blank in the target", False, target="/a b"),
    Case("tab in the target", False, target="/a\tb"),
    Case("control in the target", False, target="/a\x01b"),
    Case("NUL in the target", False, target="/a\0b"),
    Case("DEL in the target", False, target="/a\x7f"),
    Case("raw UTF-8 in the target", False, target="/\xc3\xa4"),
    Case("target of 8 KB", True, target="/" + "a" * 8000),
    Case("target of 70 KB", False, target="/" + "a" * 70000),
    Case("unknown method", True, method="BREW", differs={H1: REGISTERED}),
    Case("method in lower case", True, method="get", differs={H1: REGISTERED}),
    Case("method that is no token", False, method="GE T"),
    Case("method with a bracket", False, method="GET("),
    Case("empty method", False, method=""),
    Case("CONNECT", False, method="CONNECT", target="test:80"),
    Case("CONNECT with a path", False, method="CONNECT"),
    Case("host with a port", True, host=("test:8080",)),
    Case("IPv6 host", True, host=("[::1]:80",)),
    Case("two hosts", False, host=("test", "other")),
    Case("two equal hosts", False, host=("test", "test")),
    Case("two spellings of two hosts", False, headers=(("host", "other"),)),
    Case("256 fields", True, headers=tuple((f"x-{number}", "") for number in range(250))),
    Case("300 fields", False, headers=tuple((f"x-{number}", "") for number in range(300))),
    Case("two transfer-encodings", False, headers=(("transfer-encoding", "gzip"), ("transfer-encoding", "chunked"))),
    Case("no host", False, host=()),
    Case("host with markup", False, host=('"><script>',)),
    Case("host with a blank", False, host=("a b",)),
    Case("host with a slash", False, host=("a/b",)),
    Case("host with user", False, host=("user@test",)),
    Case("host with a port of letters", False, host=("test:abc",)),
    Case("two hosts in one", False, host=("a, b",)),
    Case("header", True, headers=(("x-a", "b"),)),
    Case("header of Latin-1", True, headers=(("x-a", "\xe4"),)),
    Case("tab in a value", True, headers=(("x-a", "b\tc"),)),
    Case("empty value", True, headers=(("x-a", ""),)),
    Case("same header twice", True, headers=(("x-a", "1"), ("x-a", "2"))),
    Case("NUL in a value", False, headers=(("x-a", "b\0c"),)),
    Case("CR in a value", False, headers=(("x-a", "b\rc"),)),
    Case("line break in a value", False, headers=(("x-a", "b\r\n c"),)),
    Case("control in a value", False, headers=(("x-a", "b\x01c"),)),
    Case("DEL in a value", False, headers=(("x-a", "b\x7f"),)),
    Case("blank in a name", False, headers=(("x a", "b"),)),
    Case("bracket in a name", False, headers=(("x(a", "b"),)),
    Case("colon in a name", False, headers=(("x:a", "b"),), differs={H1: ENDS, WS: ENDS}),
    Case("empty name", False, headers=(("", "b"),)),
    Case("name beyond ASCII", False, headers=(("x-\xe4", "b"),)),
    Case("header of 100 KB", False, headers=(("x-a", "b" * 100_000),)),
    Case("content-length of no body", True, headers=(("content-length", "0"),)),
    Case("content-length of letters", False, headers=(("content-length", "abc"),)),
    Case("negative content-length", False, headers=(("content-length", "-1"),)),
    Case("content-length with a sign", False, headers=(("content-length", "+0"),)),
    Case("content-length of 4,400 digits", False, headers=(("content-length", "9" * 4400),)),
    Case("two content-lengths", False, headers=(("content-length", "0"), ("content-length", "1"))),
    Case("a list of content-lengths", False, headers=(("content-length", "0, 0"),)),
    Case("unknown transfer-encoding", False, headers=(("transfer-encoding", "gzip"),)),
    Case("unknown expectation", True, headers=(("expect", "tea"),)),
]  # fmt: skip


def http1(case: Case, *more: tuple[str, str]) -> bytes:
    fields = [*(("Host", each) for each in case.host), *case.headers, *more]
    lines = [f"{case.method} {case.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def websocket(case: Case) -> bytes:
    return http1(
        case,
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )


def cgi(name: str) -> str:
    plain = name.upper().replace("-", "_")
    return plain if plain in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{plain}"


def in_packet(case: Case) -> bytes:
    path, _, query = case.target.partition("?")
    given = {"REQUEST_METHOD": case.method, "REQUEST_URI": case.target, "PATH_INFO": path, "QUERY_STRING": query}
    usual = {**USUAL, **given}
    del usual["HTTP_HOST"]
    if any(name == "content-length" for name, _ in case.headers):
        del usual["CONTENT_LENGTH"]
    fields = [*(("host", each) for each in case.host), *case.headers]
    return packet(block([*usual.items(), *((cgi(name), value) for name, value in fields)]))


def http2(case: Case) -> bytes:
    pseudo = [(":method", case.method), (":scheme", "http"), (":path", case.target)]
    pseudo += [(":authority", each) for each in case.host]
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in [*pseudo, *case.headers]]
    data = Encoder().encode(fields, huffman=False)
    pieces = [data[start : start + 16384] for start in range(0, len(data), 16384)]
    frames: list[Frame] = [SettingsFrame(0), HeadersFrame(1, data=pieces[0], flags=["END_STREAM"])]
    frames += [ContinuationFrame(1, data=piece) for piece in pieces[1:]]
    frames[-1].flags.add("END_HEADERS")
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frame.serialize() for frame in frames)


def status_of_text(sock: socket.socket) -> int:
    line = b""
    while not line.endswith(b"\r\n") and (byte := sock.recv(1)):
        line += byte
    return int(line.split()[1]) if line else 0


def status_of_frames(sock: socket.socket) -> int:
    """The status of stream 1, 0 where it or the connection is reset."""
    with sock.makefile("rb") as file:
        while head := file.read(9):
            frame, length = Frame.parse_frame_header(memoryview(head))
            frame.parse_body(memoryview(file.read(length)))
            if isinstance(frame, HeadersFrame):
                _, status = next(iter(Decoder().decode(frame.data)))  # It is the first field.
                return int(status)
            if isinstance(frame, RstStreamFrame | GoAwayFrame):
                return 0
    return 0


Ask = tuple[Callable[[Case], bytes], Callable[[socket.socket], int]]
PROTOCOLS: dict[str, Ask] = {
    H1: (http1, status_of_text),
    WS: (websocket, status_of_text),
    PACKET: (in_packet, status_of_text),
    H2: (http2, status_of_frames),
}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", buffer_size=65535, disable_logging=True)


def verdict(server: Server, protocol: str, data: bytes, cut: int = 0) -> int:
    """The status of the answer, 0 for none."""
    target = server.unix_path if protocol == PACKET else server.address
    try:
        with connect(target) as sock:
            if cut:
                sock.sendall(data[:cut])
                time.sleep(0.0005)
            sock.sendall(data[cut:])
            return PROTOCOLS[protocol][1](sock)
    except ConnectionError:
        return 0


def is_served(status: int) -> bool:
    """Return True where the app has been asked: `mirror` says 200, or 101, or denies a WebSocket by 403 or 404."""
    return status in (101, 200, 403, 404)


def expected(case: Case, protocol: str) -> bool:
    return case.served != (protocol in case.differs)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_verdict(server: Server, case: Case, protocol: str) -> None:
    if protocol == WS and case.method != "GET":
        pytest.skip("a handshake is a GET")
    if protocol == PACKET and is_too_long(case):
        pytest.skip("a packet has 65,535 bytes")
    status = verdict(server, protocol, PROTOCOLS[protocol][0](case))
    assert is_served(status) == expected(case, protocol), status


def is_too_long(case: Case) -> bool:
    return len(case.target) + sum(len(value) for _, value in case.headers) > 60000


def cuts(data: bytes) -> Iterable[int]:
    """Every byte of a short one, and some forty places of a long one."""
    return range(1, len(data), max(1, len(data) // 40) if len(data) > 400 else 1)


@pytest.mark.long
@pytest.mark.parametrize("protocol", [H1, PACKET, H2])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_verdict_however_it_is_cut(server: Server, case: Case, protocol: str) -> None:
    if protocol == PACKET and is_too_long(case):
        pytest.skip("a packet has 65,535 bytes")
    data = PROTOCOLS[protocol][0](case)
    whole = verdict(server, protocol, data)
    # What is too long for a target is too long for a head; what comes first says which of them is told.
    wanted = (414, 431) if whole in (414, 431) else (whole,)
    found = {cut: status for cut in cuts(data) if (status := verdict(server, protocol, data, cut)) not in wanted}
    assert found == {}
