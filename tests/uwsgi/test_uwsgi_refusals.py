"""What is refused of the uwsgi protocol: packets that are not valid, late or too large, and senders not to believe."""

import socket
import struct

import pytest
from support.http1 import Http1, connect
from support.packets import USUAL, ask, block, is_closed, packet, read, request
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", limit_post=1_000_000)


def test_chunks_that_are_none_get_400(server: Server) -> None:
    data = request("/echo", REQUEST_METHOD="POST", HTTP_TRANSFER_ENCODING="chunked")
    assert ask(server.unix_path, data + b"xyz\r\n").status == 400


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({"CONTENT_LENGTH": "5, 6"}, 400),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "9" * 30}, 400),
        ({"CONTENT_LENGTH": "1000001"}, 413),
        ({"HTTP_TRANSFER_ENCODING": "gzip"}, 501),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "5", "UWSGI_ROUTER": "http"}, 400),
        ({"HTTP_X": "a\r\n b"}, 400),
        ({"HTTP_X": "a\0b"}, 400),
        ({"HTTP_A B": "c"}, 400),
        ({"HTTP_": "c"}, 400),
        ({"REQUEST_METHOD": "GE T"}, 400),
    ],
)
def test_a_request_that_is_not_valid_is_answered(server: Server, variables: dict[str, str], status: int) -> None:
    assert ask(server.unix_path, request("/", **variables)).status == status


def test_a_chunked_body_above_limit_post(server: Server) -> None:
    data = request("/digest", REQUEST_METHOD="POST", HTTP_TRANSFER_ENCODING="chunked")
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with connect(server.unix_path) as sock:
        sock.sendall(data + chunk * 16)
        assert read(sock).status == 413


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packet(b""), "it has no REQUEST_METHOD"),
        (packet(block({"A": "b"})), "it has no REQUEST_METHOD"),
        (packet(struct.pack("<H", 500) + b"short"), "a variable is longer than the packet"),
        (packet(b"\x05"), "a variable is longer than the packet"),
        (packet(struct.pack("<HH", 0, 0)), "a variable has no name"),
        (packet(b"x" * 5000), "its block has 5000 bytes, buffer-size allows 4096"),
        (packet(block(USUAL), modifier1=5), "modifier1 5 is not served here"),
        (packet(block(USUAL), modifier1=30), "modifier1 30 is not served here"),
    ],
)
def test_a_packet_that_is_not_valid_gets_a_closed_connection_and_one_line(
    server: Server, data: bytes, reason: str
) -> None:
    before = server.log.count(reason)
    assert is_closed(server.address, data)
    eventually(lambda: server.log.count(reason) == before + 1)


def test_a_truncated_packet(server: Server) -> None:
    for end in (1, 3, 4, 20):
        before = server.log.count("it ended before it was complete")
        with connect(server.unix_path) as sock:
            sock.sendall(request()[:end])
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        server.wait_log("it ended before it was complete", before + 1)


def test_packets_and_bodies_that_do_not_come(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app", trio_header_timeout=1, trio_body_timeout=1)
    with connect(server.unix_path) as sock:
        sock.sendall(request()[:10])
        assert sock.recv(1) == b""
    server.wait_log("its uwsgi packet took too long to arrive")
    with connect(server.unix_path) as sock:
        sock.sendall(request("/echo", REQUEST_METHOD="POST", CONTENT_LENGTH="5") + b"half")
        assert read(sock).status == 408


def test_packets_over_tcp_from_others_never_reach_the_app(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app", trio_uwsgi_allow="192.0.2.0/24, 198.51.100.7")
    assert is_closed(server.address, request("/raise"))
    assert is_closed(server.address, packet(b"", modifier1=100))
    server.wait_log("its sender is not in trio-uwsgi-allow", 2)
    assert "exception in" not in server.log
    assert ask(server.unix_path, request()).body == b"hello"
    with Http1(server.address) as client:
        assert client.get("/").body == b"hello"


def test_a_list_that_does_not_parse_stops_the_start(uwsgi: Servers) -> None:
    server = uwsgi(ready=False, need_app=True, trio_uwsgi_allow="everybody")
    server.wait_log("trio-uwsgi-allow = everybody: allowed is a list of addresses")


def test_buffer_size_bounds_the_packet(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app", buffer_size=32768)
    assert ask(server.unix_path, request(HTTP_COOKIE="x" * 20_000)).body == b"hello"
    assert is_closed(server.unix_path, request(HTTP_COOKIE="x" * 40_000))
