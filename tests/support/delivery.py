"""Clients that ask the app `scripted` in every protocol, read as they like, and say what came."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h2.events
import h2.settings
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from support.http1 import connect
from support.http2 import Lasting
from support.packets import USUAL, block, packet

# Seconds that a client waits for the next bytes.
PATIENCE = 15.0


@dataclass
class Reading:
    """How a client reads: never mind for the kernel's own buffer of 0, waits before the first byte, then by pieces.

    One that half-closes has said all that it will say when it has asked.
    """

    buffer: int = 0
    first: float = 0.0
    piece: int = 65536
    pause: float = 0.0
    pauses: int = 0
    half_closes: bool = False

    def asked(self, sock: socket.socket) -> None:
        """Close the client's side where it half-closes, unless the server has closed both."""
        if self.half_closes:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)

    def pull(self, sock: socket.socket) -> Iterator[bytes]:
        """Yield what comes, up to the end."""
        time.sleep(self.first)
        number = 0
        while True:
            try:
                data = sock.recv(self.piece)
            except (ConnectionError, ssl.SSLError):
                return
            if not data:
                return
            yield data
            number += 1
            if number <= self.pauses:
                time.sleep(self.pause)


@dataclass
class Came:
    """What came of an answer."""

    body: bytes = b""
    # True where it came to its end, None where the protocol cannot say so.
    whole: bool | None = False
    status: int = 0
    trailers: bool = False
    messages: list[bytes] = field(default_factory=list)
    code: int = 0


def open_socket(target: Any, reading: Reading, context: ssl.SSLContext | None) -> socket.socket:
    """Connect, with the buffer of this reading."""
    if isinstance(target, tuple):
        sock = socket.socket()
        if reading.buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, reading.buffer)
        sock.settimeout(PATIENCE)
        sock.connect(target)
    else:
        sock = connect(target, PATIENCE)
    return sock if context is None else context.wrap_socket(sock, server_hostname="127.0.0.1")


def say(sock: socket.socket, data: bytes) -> None:
    """Send this, unless the server has closed: what it has said before can be read."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        sock.sendall(data)


def ask_http1(sock: socket.socket, paths: list[str], version: str, reading: Reading) -> list[Came]:
    """Send all of the requests at once; the last one ends the connection."""
    for number, path in enumerate(paths, 1):
        close = "Connection: close\r\n" if number == len(paths) else ""
        say(sock, f"GET {path} HTTP/{version}\r\nHost: t\r\nTE: trailers\r\n{close}\r\n".encode())
    reading.asked(sock)
    return read_answers(b"".join(reading.pull(sock)), len(paths))


def ask_packet(sock: socket.socket, path: str, reading: Reading) -> list[Came]:
    """Send a uwsgi packet."""
    plain, _, query = path.partition("?")
    sock.sendall(packet(block({**USUAL, "REQUEST_URI": path, "PATH_INFO": plain, "QUERY_STRING": query})))
    reading.asked(sock)
    return read_answers(b"".join(reading.pull(sock)), 1)


def read_answers(data: bytes, count: int) -> list[Came]:
    """Take answers of HTTP/1 apart."""
    found: list[Came] = []
    while len(found) < count:
        came = Came()
        found.append(came)
        while True:
            head, mark, data = data.partition(b"\r\n\r\n")
            if not mark or not head.startswith(b"HTTP/1.1 103"):
                break
        if not mark:
            break
        lines = head.lower().split(b"\r\n")
        came.status = int(lines[0].split()[1])
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        if fields.get(b"transfer-encoding") == b"chunked":
            data = _read_chunks(data, came)
        elif b"content-length" in fields:
            size = int(fields[b"content-length"])
            came.body, data = data[:size], data[size:]
            came.whole = len(came.body) == size
        else:
            came.body, data, came.whole = data, b"", None
    assert not data, data[:100]
    return found


def _read_chunks(data: bytes, came: Came) -> bytes:
    at, parts = 0, list[bytes]()
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end], 16)
        at = end + 2
        if not size:
            came.body = b"".join(parts)
            fields, mark, data = (b"\r\n" + data[at:]).partition(b"\r\n\r\n")
            came.trailers = b"x-end: yes" in fields
            came.whole = bool(mark)
            return data
        parts.append(data[at : at + size])
        at += size
        if len(data) >= at + 2:
            assert data[at : at + 2] == b"\r\n", data[at : at + 50]
        at += 2
    came.body = b"".join(parts)
    return b""


def ask_http2(sock: socket.socket, paths: list[str], reading: Reading) -> list[Came]:
    """Ask for all of them at once, each on a stream."""
    connection = Lasting()
    connection.initiate_connection()
    streams: dict[int, Came] = {}
    for path in paths:
        stream = connection.get_next_available_stream_id()
        streams[stream] = Came()
        head = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "t"), ("te", "trailers")]
        connection.send_headers(stream, head, end_stream=True)
    sock.sendall(connection.data_to_send())
    ended: set[int] = set()
    for data in reading.pull(sock):
        for event in connection.receive_data(data):
            stream = getattr(event, "stream_id", 0)
            came = streams.get(stream)
            if came is None:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                came.status = int(dict(event.headers)[b":status"])
            elif isinstance(event, h2.events.DataReceived):
                came.body += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.TrailersReceived):
                came.trailers = True
            elif isinstance(event, h2.events.StreamEnded):
                came.whole = True
                ended.add(stream)
            elif isinstance(event, h2.events.StreamReset):
                ended.add(stream)
        say(sock, connection.data_to_send())
        if len(ended) == len(streams):
            break
    return list(streams.values())


def ask_websocket(
    sock: socket.socket, path: str, reading: Reading, deflate: bool, sent: int, as_packet: bool = False
) -> list[Came]:
    """Open a session, send so many messages, and read up to its close."""
    extensions = [ClientPerMessageDeflateFactory()] if deflate else None
    protocol = ClientProtocol(parse_uri(f"ws://t{path}"), extensions=extensions, max_size=None)
    request = protocol.connect()
    protocol.send_request(request)
    opening = b"".join(protocol.data_to_send())
    if as_packet:
        plain, _, query = path.partition("?")
        head = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.raw_items()}
        opening = packet(block({**USUAL, "REQUEST_URI": path, "PATH_INFO": plain, "QUERY_STRING": query, **head}))
    sock.sendall(opening)
    came = Came()
    parts: list[bytes] = []
    for data in reading.pull(sock):
        protocol.receive_data(data)
        for event in protocol.events_received():
            if not isinstance(event, Frame):
                came.status = getattr(event, "status_code", 0)
                for _ in range(sent if came.status == 101 and protocol.state is State.OPEN else 0):
                    protocol.send_binary(b"go on")
            elif event.opcode not in CTRL_OPCODES:
                parts.append(bytes(event.data))
                if event.fin:
                    came.messages.append(b"".join(parts))
                    parts.clear()
            elif event.opcode is Opcode.CLOSE and len(event.data) >= 2:
                came.code = struct.unpack("!H", event.data[:2])[0]
        for piece in protocol.data_to_send():
            if piece:
                say(sock, piece)
    assert protocol.parser_exc is None or came.code == 0, protocol.parser_exc
    if protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError):
        raise protocol.parser_exc
    came.whole = came.code == 1000
    return [came]
