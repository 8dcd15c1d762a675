"""A connection that has ended is gone at once: nothing of it waits for Python's garbage collector.

A collection looks at all that lives, and nobody is served meanwhile: garbage in circles is what brings it about, and
what an attacker's connections would leave by the thousand.
"""

import gc
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from hpack import Encoder
from support.hostile import http1, http2, tunnels
from support.hostile.http2 import PREFACE, head, requests, settings
from support.hostile.websocket import DEFLATE, bomb, frame, shake
from support.in_process import accept, make_service, start
from websockets.frames import Opcode

from trio_worker.http.service import Service
from trio_worker.transport.socket_wire import SocketWire

# Connections of which the first ones import and cache.
FIRST, THEN = 2, 2

# Seconds until an app that waits goes on by itself: a test never sees that.
FOREVER = 1000

ACKNOWLEDGED = b"\0\0\0\x04\x01"
OPENED = b"\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers, echoes, or waits where the path says so."""
    if scope["path"] == "/endless":
        await _endless(scope, receive, send)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while scope["path"] == "/echo" and (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"], "bytes": message["bytes"]})
    if scope["path"] == "/waits":
        await trio.sleep(FOREVER)
    elif scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100000})


async def _endless(scope: Any, receive: Any, send: Any) -> None:
    """Sends until the client has gone."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "bytes": bytes(4096)})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(4096), "more_body": True})


@dataclass
class Client:
    """What a client sends, each piece once it has read what stands behind the one before, and how it ends."""

    name: str
    says: list[tuple[bytes, bytes]]
    reads_on: bool = False


def _tunnel(path: str, data: bytes, *more: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    opened = PREFACE + tunnels._open(path, 4, more)
    frames = b"".join(tunnels._in_frames(stream, data) for stream in tunnels._numbers(4))
    return [(opened, ACKNOWLEDGED), (frames, b"")]


def _each(frames: Any, count: int = 10) -> bytes:
    encoder = Encoder()
    return PREFACE + b"".join(frames(encoder, number) for number in range(1, 2 * count, 2))


CLOSE = frame(Opcode.CLOSE, b"\x03\xe8")
CLIENTS = [
    Client("HTTP/1.1: a request", [(http1.GET, b"xxx")]),
    Client("HTTP/1.1: one that waits", [(http1.asked("/waits"), b"")]),
    Client("HTTP/1.1: a refusal", [(http1.OPEN_HEAD + b"a:b\r\n" * 8000, b"431")], True),
    Client("HTTP/2: a preface", [(PREFACE, ACKNOWLEDGED)]),
    Client("HTTP/2: requests", [(requests("/", 10), b"x" * 1000)]),
    Client("HTTP/2: requests that wait", [(requests("/waits", 10), ACKNOWLEDGED)]),
    Client("HTTP/2: more than allowed", [(requests("/waits", 300), ACKNOWLEDGED)]),
    Client("HTTP/2: windows of 0", [(requests("/", 10, settings(WINDOW=0)), ACKNOWLEDGED)]),
    Client("HTTP/2: half a body", [(PREFACE + head(Encoder(), 1, "/", "POST"), ACKNOWLEDGED)]),
    Client("HTTP/2: resets", [(_each(http2._reset), ACKNOWLEDGED)]),
    Client("HTTP/2: streams that we reset", [(_each(http2._made_to_reset), b"")]),
    Client("HTTP/2: a fault", [(PREFACE + http2.raw(0, b"x", stream=1), b"\x07\0\0\0\0\0")], True),
    Client("WebSocket: a message", [(shake(), OPENED), (frame(Opcode.TEXT, b"hello"), b"hello")]),
    Client("WebSocket: a close", [(shake(), OPENED), (CLOSE, b"\x88")], True),
    Client("WebSocket: a flood", [(shake(), OPENED), (frame(Opcode.PING) * 3000, b"\x88")], True),
    Client("WebSocket: a bomb", [(shake(more=DEFLATE), OPENED), (bomb(1 << 24), b"\x88")], True),
    Client("HTTP/2: tunnels", _tunnel("/echo", frame(Opcode.TEXT, b"hello"))),
    Client("HTTP/2: tunnels with deflate", _tunnel("/echo", bomb(1000), tunnels.DEFLATE)),
    Client("HTTP/1.1: an endless answer", [(http1.asked("/endless"), b"\0\0")]),
    Client("HTTP/2: endless answers", [(requests("/endless", 10), b"\0\0")]),
    Client("HTTP/2: endless answers for windows of 0", [(requests("/endless", 10, settings(WINDOW=0)), ACKNOWLEDGED)]),
    Client("WebSocket: an endless session", [(shake("/endless"), OPENED)]),
    Client("HTTP/2: endless sessions", [(PREFACE + tunnels._open("/endless", 4), b"\0\0")]),
    Client(
        "HTTP/2: endless sessions for windows of 0", [(settings(WINDOW=0) + tunnels._open("/endless", 4), ACKNOWLEDGED)]
    ),
    Client("HTTP/2: tunnels that close", _tunnel("/echo", CLOSE), True),
]


async def _serve(service: Service, client: Client) -> None:
    """Serve one client until its connection is closed."""
    ours, theirs = socket.socketpair()
    accept(service, SocketWire(ours, None, 5))
    stream, answer = trio.SocketStream(trio.socket.from_stdlib_socket(theirs)), b""
    for data, until in client.says:
        await stream.send_all(data)
        while until not in answer:
            answer += await stream.receive_some()
    if client.reads_on:
        await stream.send_eof()
        while await stream.receive_some():
            pass
    await stream.aclose()
    await service.connections.wait_empty()


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector runs where it is called, and keeps what it finds."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_nothing_is_left_to_the_collector(client: Client, collector: None) -> None:
    async def run() -> Counter[str]:
        service = make_service(app)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.turns.keep)
            nursery.start_soon(service.clock.sweep, service.connections)
            start(service, nursery)
            for number in range(FIRST + THEN):
                if number == FIRST:
                    gc.collect()
                    gc.garbage.clear()
                with trio.fail_after(5):
                    await _serve(service, client)
            gc.collect()
            nursery.cancel_scope.cancel()
            return Counter(type(each).__name__ for each in gc.garbage)

    assert not trio.run(run)
