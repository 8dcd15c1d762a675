"""A request as each protocol writes it, and the first word of the answer (tests/serving/requests.toml)."""

import socket
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from support import frames
from support.app_messages import close_of, of_frames, of_text
from support.certificates import Authority, connect_tls
from support.http1 import connect
from support.ini import free_port
from support.packets import USUAL, block, packet
from support.uwsgi import Server

DATA = Path(__file__).parent.parent / "serving" / "requests.toml"

# A status, or the word by which a protocol refuses what is no HTTP: a stream that is reset, a connection that closes.
Verdict = int | str
RESET, CLOSED = "reset", "closed"

Pairs = list[tuple[str, str]]

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass
class Case:
    """A request of the data: what is said of it there, and what it usually has."""

    name: str
    rule: str
    status: int
    method: str = "GET"
    target: str = "/"
    host: list[str] = field(default_factory=lambda: ["test"])
    headers: list[list[str]] = field(default_factory=list)
    version: str = "1.1"
    body: str = ""
    waits: bool = False
    small: bool = False
    handshake: dict[str, str] = field(default_factory=dict)
    differs: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def fields(self) -> Pairs:
        """The headers, with long ones as `*` and a number at their end."""
        return [(name, _long(value)) for name, value in self.headers]

    @property
    def is_long(self) -> bool:
        """Whether it has no place in a packet."""
        return len(self.target) + sum(len(value) for _, value in self.fields) > 60000


def _long(text: str) -> str:
    """Return `a*100` as a hundred letters."""
    start, _, count = text.rpartition("*")
    return start[:-1] + start[-1] * int(count) if count.isdigit() and start else text


def read() -> list[Case]:
    """Return the requests of the data, and those that are made of many fields."""
    cases = [Case(**each) for each in tomllib.loads(DATA.read_text())["request"]]
    for case in cases:
        case.target = _long(case.target)
        case.headers = [pair for name, value in case.headers for pair in _many(name, value)]
    return cases


def _many(name: str, value: str) -> list[list[str]]:
    """Return `x-*100` as a hundred fields."""
    start, _, count = name.partition("*")
    return [[f"{start}{number}", value] for number in range(int(count))] if count.isdigit() else [[name, value]]


def http1(case: Case, more: dict[str, str]) -> bytes:
    """The bytes of the request in HTTP/1.1."""
    fields = [*(("Host", each) for each in case.host), *case.fields, *more.items()]
    lines = [f"{case.method} {case.target} HTTP/{case.version}", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join([*lines, "", ""]) + ("" if case.waits else case.body)).encode("latin-1")


def _cgi(name: str) -> str:
    plain = name.upper().replace("-", "_")
    return plain if plain in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{plain}"


def in_packet(case: Case, more: dict[str, str]) -> bytes:
    """The packet of a front that passes on what its client wrote; it has waited for the body itself."""
    path, _, query = case.target.partition("?")
    given = {"REQUEST_METHOD": case.method, "REQUEST_URI": case.target, "PATH_INFO": path, "QUERY_STRING": query}
    usual = {**USUAL, **given, "SERVER_PROTOCOL": f"HTTP/{case.version}"}
    del usual["HTTP_HOST"]
    if any(name == "content-length" for name, _ in case.headers):
        del usual["CONTENT_LENGTH"]
    fields = [*(("host", each) for each in case.host), *case.fields, *more.items()]
    variables = [*usual.items(), *((_cgi(name), value) for name, value in fields)]
    return packet(block(variables)) + case.body.encode("latin-1")


def http2(case: Case, more: dict[str, str], tunnel: bool = False) -> bytes:
    """The frames of the request in HTTP/2, that of a WebSocket by an extended CONNECT (RFC 8441 section 4)."""
    pseudo = [(":method", "CONNECT"), (":protocol", "websocket")] if tunnel else [(":method", case.method)]
    if case.method == "CONNECT" and not case.target.startswith("/"):
        pseudo.append((":authority", case.target))  # And no more (RFC 9113 section 8.5).
    else:
        pseudo += [(":scheme", "http"), (":path", case.target), *((":authority", each) for each in case.host)]
    over = not (tunnel or case.body)
    data = frames.block(*pseudo, *case.fields, *((name.lower(), value) for name, value in more.items()))
    pieces = [data[start : start + 16384] for start in range(0, len(data), 16384)]
    kinds = [frames.HEADERS, *[frames.CONTINUATION] * (len(pieces) - 1)]
    flags = [frames.END_STREAM if over else 0, *[0] * (len(pieces) - 1)]
    flags[-1] |= frames.END_HEADERS
    said = [frames.frame(*each[:2], 1, each[2]) for each in zip(kinds, flags, pieces, strict=True)]
    if case.body and not case.waits:
        said.append(frames.frame(frames.DATA, 0 if tunnel else frames.END_STREAM, 1, case.body.encode()))
    return frames.PREFACE + frames.settings() + b"".join(said)


def status_of_text(sock: socket.socket) -> Verdict:
    """The status of the first answer."""
    line = b""
    while not line.endswith(b"\r\n") and (byte := sock.recv(1)):
        line += byte
    return int(line.split()[1]) if line else CLOSED


def status_of_frames(sock: socket.socket) -> Verdict:
    """The status of stream 1."""
    client = frames.Frames(sock)
    while (came := client.read()) is not None:
        if came.kind == frames.HEADERS:
            return came.status
        if came.kind in (frames.RST_STREAM, frames.GOAWAY):
            return RESET
    return CLOSED


@dataclass(frozen=True)
class Protocol:
    """A way to ask.

    Attributes:
        carrier: the protocol in whose differences this one has its part.
        write: makes the bytes.
        read: reads the verdict.
        opened: the status of a WebSocket that is open; 0 for requests.
        secure: whether it is asked over TLS.
    """

    carrier: str
    write: Callable[[Case, dict[str, str]], bytes]
    read: Callable[[socket.socket], Verdict]
    opened: int = 0
    secure: bool = False

    def ask(self, case: Case) -> bytes:
        """The bytes of the request."""
        given = {**UPGRADE, **case.handshake} if self.opened else {}
        of_http1 = ("Connection", "Upgrade") if self.carrier == "h2" else ()
        return self.write(case, {name: value for name, value in given.items() if value and name not in of_http1})


PROTOCOLS = {
    "http/1.1": Protocol("http/1.1", http1, status_of_text),
    "packet": Protocol("packet", in_packet, status_of_text),
    "h2": Protocol("h2", http2, status_of_frames),
    "websocket": Protocol("http/1.1", http1, status_of_text, 101),
    "websocket packet": Protocol("packet", in_packet, status_of_text, 101),
    "websocket h2": Protocol("h2", partial(http2, tunnel=True), status_of_frames, 200),
}
PROTOCOLS |= {f"{name} tls": replace(told, secure=True) for name, told in PROTOCOLS.items() if told.carrier != "packet"}


class Secure:
    """The socket of servers that speak TLS, beside their others.

    Args:
        authority: whose certificate they have.
    """

    def __init__(self, authority: Authority) -> None:
        self._contexts = {"h2": authority.client_context("h2"), "http/1.1": authority.client_context("http/1.1")}
        self._address = "127.0.0.1", free_port()
        self.option = f"127.0.0.1:{self._address[1]},{','.join(map(str, authority.serve('test')))}"

    def connect(self, server: Server, told: Protocol) -> socket.socket:
        """Return a connection to a server on which a protocol may be spoken."""
        if told.secure:
            return connect_tls(self._address, self._contexts[told.carrier])
        return connect(server.unix_path if told.carrier == "packet" else server.address)


def expected(case: Case, protocol: str) -> Verdict:
    """Return what the data say: of this protocol, of all WebSockets, of what carries it, or of all protocols."""
    told = PROTOCOLS[protocol]
    names = [protocol.removesuffix(" tls"), *(["websockets"] if told.opened else []), told.carrier]
    for name in names:
        if name in case.differs:
            verdict: Verdict = case.differs[name][0]
            return told.opened if told.opened and verdict == 200 and name == told.carrier else verdict
    return told.opened if told.opened and case.status == 200 else case.status


def verdict_of(server: Server, secure: Secure, protocol: str, target: str) -> str:
    """Ask for a target by a protocol; return the status, the code of a session's close, or "cut"."""
    told = PROTOCOLS[protocol]
    headers = [["connection", "close"]] if told.carrier == "http/1.1" and not told.opened else []
    with secure.connect(server, told) as sock:
        sock.sendall(told.ask(Case("", "", 200, target=target, headers=headers)))
        status, _, body = (of_frames if told.carrier == "h2" else of_text)(sock)
    if told.opened and status in (101, 200):
        return str(close_of(body or b""))
    return "cut" if body is None else str(status)
