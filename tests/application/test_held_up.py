"""A worker that was held up, by its app or by a busy machine, does not take its clients for late."""

import socket
import struct

import pytest
from support.http1 import Http1
from support.uwsgi import Servers
from support.websocket import Raw
from websockets.frames import Opcode

HEAD = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n"


@pytest.mark.parametrize("part", [HEAD, f"{HEAD}\r\nab"], ids=["a head", "a body"])
def test_what_comes_meanwhile_is_not_late(uwsgi: Servers, part: str) -> None:
    server = uwsgi(module="held_up:app", trio_header_timeout=1, trio_body_timeout=1)
    clients = [Http1(server.address) for _ in range(8)]
    for client in clients:
        client.send(part.encode())
    with Http1(server.address) as other:
        other.send(b"GET /holds-up?4 HTTP/1.1\r\nHost: t\r\n\r\n")
        server.wait_log("holds up")
        for client in clients:
            client.send(f"{HEAD}\r\nabcd"[len(part) :].encode())
        assert other.response().status == 200
    for client in clients:
        with client:
            assert client.response().status == 200


def test_a_pong_that_comes_meanwhile_is_not_missed(uwsgi: Servers) -> None:
    server = uwsgi(module="held_up:app", websockets_ping_freq=1, websockets_pong_tolerance=1)
    sessions = [Raw(server.address) for _ in range(8)]
    assert [each.ask("/") for each in sessions] == [101] * 8
    for each in sessions:
        assert each._exactly(2) == b"\x89\0"
    with Http1(server.address) as other:
        other.send(b"GET /holds-up?4 HTTP/1.1\r\nHost: t\r\n\r\n")
        server.wait_log("holds up")
        for each in sessions:
            each.frame(Opcode.PONG, b"")
        assert other.response().status == 200
    for each in sessions:
        with each:
            each.frame(Opcode.TEXT, b"still there")
            while (head := each._exactly(2)) == b"\x89\0":
                each.frame(Opcode.PONG, b"")
            assert (head, each._exactly(11)) == (b"\x81\x0b", b"still there")


def test_a_client_that_has_gone_before_it_was_asked_for_its_body(uwsgi: Servers) -> None:
    server = uwsgi(module="held_up:app", log_format="ended %(uri)")
    with Http1(server.address) as client:
        client.send(f"{HEAD.replace('/', '/reads-late?0.3', 1)}Expect: 100-continue\r\n\r\n".encode())
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        server.wait_log("^the request heard http.disconnect$")
        server.wait_log("^ended /reads-late")
    assert "ERROR" not in server.log
