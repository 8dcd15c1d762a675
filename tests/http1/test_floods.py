"""Clients that reset what they ask for: who leaves a page is served on, who does nothing else is sent away."""

import contextlib

import h2.errors
import h2.events
from hpack import Encoder
from hyperframe.frame import Frame, HeadersFrame, RstStreamFrame
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Servers


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
