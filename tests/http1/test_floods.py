"""Clients that reset what they ask for: who leaves a page is served on, who does nothing else is sent away."""

import contextlib
from collections.abc import Callable

import pytest
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, HeadersFrame, RstStreamFrame
from support.hostile.http2 import CALM
from support.hostile.running import told
from support.hostile.states import closed
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Servers


def opened_and_reset(encoder: Encoder, stream: int) -> bytes:
    head = encoder.encode([(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "test")])
    frames: list[Frame] = [HeadersFrame(stream, head, flags=["END_HEADERS", "END_STREAM"]), RstStreamFrame(stream, 8)]
    return b"".join(frame.serialize() for frame in frames)


def opened_and_broken(encoder: Encoder, stream: int, rest: Frame, *more: tuple[str, str]) -> bytes:
    fields = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "test"), *more]
    return HeadersFrame(stream, encoder.encode(fields), flags=["END_HEADERS"]).serialize() + rest.serialize()


def too_long(encoder: Encoder, stream: int) -> bytes:
    return opened_and_broken(encoder, stream, DataFrame(stream, b"xx"), ("content-length", "1"))


def no_trailers(encoder: Encoder, stream: int) -> bytes:
    trailers = HeadersFrame(stream, Encoder().encode([("Upper", "x")]), flags=["END_HEADERS", "END_STREAM"])
    return opened_and_broken(encoder, stream, trailers)


@pytest.mark.parametrize("frames", [opened_and_reset, too_long, no_trailers])
def test_a_client_that_resets_all_it_asks_for_or_has_us_do_so_is_sent_away(
    uwsgi: Servers, frames: Callable[[Encoder, int], bytes]
) -> None:
    server = uwsgi()
    with Http2(server.address).begin() as client:
        encoder = Encoder()
        resets = b"".join(frames(encoder, number) for number in range(1, 2001, 2))
        with contextlib.suppress(OSError):  # It may be sent away before it has sent all.
            client.socket.sendall(resets)
        answer = b""
        while not told(answer).startswith("GOAWAY"):
            answer += client.socket.recv(65536) or closed(answer)
        assert told(answer) == CALM
    with Http1(server.address) as other:
        assert other.get("/").status == 200


def test_a_client_may_leave_a_page(uwsgi: Servers) -> None:
    with Http2(uwsgi().address).begin() as client:
        for _ in range(100):
            client.connection.reset_stream(client.request("/sleep?seconds=60"))
        client.flush()
        assert client.response(client.request("/"))[0] == 200
