"""Clients that send without pause what costs them nothing: the others are answered all the same."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import h2.errors
import h2.events
import pytest
from hpack import Encoder
from hyperframe.frame import ExtensionFrame, Frame, HeadersFrame, PriorityFrame, RstStreamFrame, SettingsFrame
from support.http1 import Http1, connect
from support.http2 import Http2
from support.uwsgi import Server, Servers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()

WEBSOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

# What comes first, and what comes again and again behind it.
FLOODS = {
    "PRIORITY frames": (PREFACE, PriorityFrame(1, depends_on=0, stream_weight=16).serialize()),
    "frames of an unknown type": (PREFACE, ExtensionFrame(type=0x55, stream_id=0).serialize()),
    "pongs that nobody asked for": (WEBSOCKET, b"\x8a\x80mask"),
    "line breaks": (b"", b"\r\n"),
}

# Seconds that a flood lasts at most, and that another client waits in it.
LONGEST, PATIENCE = 60, 30


@contextlib.contextmanager
def flood(server: Server, first: bytes, again: bytes) -> Iterator[None]:
    """Send in a thread until the end of the block, or until the server ends the connection."""
    stop = threading.Event()
    timer = threading.Timer(LONGEST, stop.set)
    piece = again * (65536 // len(again))
    with connect(server.address) as client:

        def send() -> None:
            with contextlib.suppress(OSError):
                client.sendall(first)
                while not stop.is_set():
                    client.sendall(piece)

        thread = threading.Thread(target=send)
        for each in timer, thread:
            each.start()
        try:
            yield
        finally:
            stop.set()
            timer.cancel()
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("name", FLOODS)
def test_others_are_answered_beside_a_flood(uwsgi: Servers, name: str) -> None:
    server = uwsgi()
    with flood(server, *FLOODS[name]):
        for _ in range(3):
            with Http1(server.address) as other:
                other.socket.settimeout(PATIENCE)
                assert other.get("/").status == 200


def opened_and_reset(encoder: Encoder, stream: int) -> bytes:
    head = encoder.encode([(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "test")])
    frames: list[Frame] = [HeadersFrame(stream, head, flags=["END_HEADERS", "END_STREAM"]), RstStreamFrame(stream, 8)]
    return b"".join(frame.serialize() for frame in frames)


def test_a_client_that_resets_all_it_asks_for_is_sent_away(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http2(server.address).begin() as client:
        encoder = Encoder()
        resets = b"".join(opened_and_reset(encoder, number) for number in range(1, 2001, 2))
        with contextlib.suppress(OSError):  # It may be sent away before it has sent all.
            client.socket.sendall(resets)
        goodbye = client.wait(h2.events.ConnectionTerminated)
        assert goodbye.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    server.wait_log("it resets too many streams")
    with Http1(server.address) as other:
        assert other.get("/").status == 200


def test_a_client_may_leave_a_page(uwsgi: Servers) -> None:
    with Http2(uwsgi().address).begin() as client:
        for _ in range(100):
            client.connection.reset_stream(client.request("/sleep?seconds=60"))
        client.flush()
        assert client.response(client.request("/"))[0] == 200
