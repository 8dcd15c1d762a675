"""States of a connection, what a worker may keep for each, and clients that bring connections into them."""

import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from websockets.frames import Opcode

from support.hostile.http1 import GET, asked
from support.hostile.http2 import requests, settings
from support.hostile.tunnels import sessions
from support.hostile.websocket import DEFLATE, frame, shake
from support.http1 import Target, connect
from support.waiting import eventually

# The answer to a client's settings (RFC 9113 section 6.5.3).
ACKNOWLEDGED = b"\0\0\0\x04\x01\0\0\0\0"


class Client:
    """One connection.

    Args:
        target: whom it is to.
        tls: by which it is encrypted.
    """

    def __init__(self, target: Target, tls: ssl.SSLContext | None = None) -> None:
        self.socket = connect(target)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)

    def send(self, data: bytes, until: bytes = b"") -> None:
        """Send this, and read until that has come."""
        self.socket.sendall(data)
        answer = b""
        while until not in answer:
            answer += self.socket.recv(65536) or closed(answer)


def closed(answer: bytes) -> bytes:
    """Raise: there is no more of the answer."""
    raise ConnectionResetError(f"closed after {answer!r}")


def _compressed(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return frame(Opcode.TEXT, (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv1=True)


def _idle(client: Client) -> None:
    client.send(GET, b"hello")


def _in_request(client: Client) -> None:
    client.send(asked("/waits"))


def _idle_http2(client: Client) -> None:
    client.send(requests("/", 1), b"hello")


def _streams(client: Client) -> None:
    client.send(requests("/waits"), ACKNOWLEDGED)


def _closed_window(client: Client) -> None:
    client.send(requests("/endless", first=settings(WINDOW=0)), ACKNOWLEDGED)


def _idle_websocket(client: Client) -> None:
    client.send(shake(), b"\r\n\r\n")
    client.send(frame(Opcode.TEXT, b"hello"), b"hello")


def _tunnels(client: Client) -> None:
    client.send(sessions(100), ACKNOWLEDGED)


def _tunnels_in_message(client: Client) -> None:
    """As much as the window of the connection has room for at once."""
    client.send(sessions(100, frame(Opcode.BINARY, bytes(10000))[:-1]), ACKNOWLEDGED)


def _in_message(client: Client) -> None:
    client.send(shake(), b"\r\n\r\n")
    client.send(frame(Opcode.BINARY, bytes(65536))[:-1])


def _deflated(client: Client) -> None:
    client.send(shake(more=DEFLATE), b"\r\n\r\n")
    client.send(_compressed(b"hello" * 100), b"\xc1")


@dataclass(frozen=True)
class State:
    """A state of connections.

    Attributes:
        name: as the page of the limits has it.
        enter: brings a connection into it.
        bound: KiB that the worker may keep for each.
        connections: by which that is measured.
        tls: whether they are encrypted.
    """

    name: str
    enter: Callable[[Client], None]
    bound: int
    connections: int = 500
    tls: bool = False


STATES = (
    State("HTTP/1.1, idle", _idle, 2),
    State("HTTP/1.1, in a request", _in_request, 16),
    State("HTTP/1.1 in TLS, idle", _idle, 40, tls=True),
    State("HTTP/2, idle", _idle_http2, 36),
    State("HTTP/2, 100 streams in their requests", _streams, 1300, 20),
    State("HTTP/2, 100 endless answers for a window of 0", _closed_window, 12800, 10),
    State("HTTP/2, 100 WebSockets, idle", _tunnels, 1700, 20),
    State("HTTP/2, 100 WebSockets, a message of 10 KB on its way in each", _tunnels_in_message, 3900, 20),
    State("WebSocket, idle", _idle_websocket, 16),
    State("WebSocket, a message of 64 KiB on its way", _in_message, 144, 200),
    State("WebSocket with deflate, idle", _deflated, 96),
)


def fill(target: Target, state: State, count: int, tls: ssl.SSLContext | None) -> list[Client]:
    """So many connections in this state."""
    clients = [Client(target, tls if state.tls else None) for _ in range(count)]
    for each in clients:
        state.enter(each)
    return clients


def wait_for_calm(measure: Callable[[], int]) -> int:
    """The bytes that are measured when they do not change any more."""
    seen = [measure()]

    def is_calm() -> bool:
        seen.append(measure())
        return len(seen) > 10 and max(seen[-10:]) - min(seen[-10:]) < 65536

    eventually(is_calm, 10)
    return seen[-1]
