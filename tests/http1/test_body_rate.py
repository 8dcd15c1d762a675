"""A request body has to come at the least rate of the ini, in every protocol; see trio-body-rate."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.http1 import Http1, connect
from support.http2 import Http2
from support.packets import post, read
from support.uwsgi import Server, Servers

# Bytes of the body, and seconds for which a client drips: more than the window of ten.
SIZE, SECONDS = 100_000, 12


def by_http1(server: Server, piece: bytes) -> int:
    with Http1(server.address, timeout=20) as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SECONDS):
            client.send(piece)
            time.sleep(1)
        return client.response().status


def by_packet(server: Server, piece: bytes) -> int:
    with connect(server.address, timeout=20) as client:
        client.sendall(post("/echo", SIZE))
        for _ in range(SECONDS):
            client.sendall(piece)
            time.sleep(1)
        return read(client).status


def by_http2(server: Server, piece: bytes) -> int:
    with Http2(server.address).begin() as client:
        headers = [(":method", "POST"), (":path", "/echo"), (":scheme", "http"), (":authority", "test")]
        client.connection.send_headers(1, headers)
        for _ in range(SECONDS):
            client.connection.send_data(1, piece)
            client.flush()
            time.sleep(1)
        return client.response(1)[0]


def whole(server: Server, piece: bytes) -> int:
    """Send a body in ten times the rate, so slowly that a window ends in it."""
    with Http1(server.address, timeout=20) as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % (SECONDS * 1000))
        for _ in range(SECONDS):
            client.send(piece * 1000)
            time.sleep(1)
        return client.response().status


CLIENTS: list[tuple[Callable[[Server, bytes], int], int]] = [
    (by_http1, 408),
    (by_packet, 408),
    (by_http2, 408),
    (whole, 200),
]


@pytest.fixture
def server(uwsgi: Servers) -> Server:
    return uwsgi(trio_body_rate=100)


def test_a_body_of_a_byte_a_second_is_ended(server: Server) -> None:
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        asked = [(pool.submit(client, server, b"x"), status) for client, status in CLIENTS]
        assert [each.result() for each, _ in asked] == [status for _, status in asked]
