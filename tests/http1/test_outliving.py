"""Apps that go on after their answers, or without a client: nobody else waits for them."""

import signal
import socket
import time

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers

GET = b"GET %b HTTP/1.1\r\nHost: t\r\n\r\n"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="outliving:app", worker_reload_mercy=8)


class TestAfterTheAnswer:
    def test_the_next_request_begins_at_once(self, server: Server) -> None:
        done = server.count("background done")
        began = time.monotonic()
        with Http1(server.address) as client:
            for _ in range(3):
                assert client.get("/goes-on?seconds=2").text == "answer"
            assert client.get("/hello").status == 200
        assert time.monotonic() - began < 1.5
        server.wait_log("background done", done + 3, timeout=5)  # Nobody has cancelled them.

    def test_a_pipelined_one_begins_when_its_bytes_come(self, server: Server) -> None:
        with Http1(server.address) as client:
            client.request("/goes-on?seconds=2")
            assert client.response().text == "answer"
            began = time.monotonic()
            client.send(GET % b"/slow" + GET % b"/slow")
            assert [client.response().text for _ in range(2)] == ["slow"] * 2
            assert time.monotonic() - began < 1.5

    def test_at_most_sixteen_of_one_connection(self, server: Server) -> None:
        """The next one waits until one of them ends; another connection does not."""
        with Http1(server.address) as client, Http1(server.address) as other:
            for _ in range(17):
                assert client.get("/goes-on?seconds=2").text == "answer"
            began = time.monotonic()
            client.request("/hello")
            assert other.get("/hello").status == 200
            assert time.monotonic() - began < 1
            assert client.response().status == 200
            assert time.monotonic() - began > 0.5

    def test_a_body_that_ends_with_the_connection_ends_with_the_answer(self, server: Server) -> None:
        with Http1(server.address) as client:
            client.send(b"GET /streams-and-goes-on HTTP/1.0\r\n\r\n")
            client.head()
            assert client.rest() == b"piece"

    def test_harakiri_cancels_it(self, uwsgi: Servers) -> None:
        server = uwsgi(module="outliving:app", harakiri=2)
        with Http1(server.address) as client:
            assert client.get("/goes-on?seconds=60").text == "answer"
            assert client.get("/hello").status == 200
            server.wait_log("background cancelled", timeout=6)
            assert client.get("/hello").status == 200

    def test_a_drain_waits_for_it(self, uwsgi: Servers) -> None:
        server = uwsgi(module="outliving:app", worker_reload_mercy=8)
        with Http1(server.address) as client:
            assert client.get("/goes-on?seconds=3").text == "answer"
            assert client.get("/hello").status == 200
            server.signal(signal.SIGHUP)
            server.wait_log("background done", timeout=8)
        assert server.count("background cancelled") == 0


class TestLoops:
    @pytest.mark.parametrize("path", ["/receives-for-ever", "/sends-for-ever"])
    @pytest.mark.parametrize("answered", [False, True])
    def test_they_leave_the_others_their_turn(self, uwsgi: Servers, path: str, answered: bool) -> None:
        server = uwsgi(module="outliving:app")
        with Http1(server.address) as loop:
            loop.request(path + ("?answered" if answered else ""))
            server.wait_log("receives" if "receives" in path else "sends")
            if answered:
                assert loop.response().text == "ok"
        for _ in range(20):
            began = time.monotonic()
            with Http1(server.address) as client:
                assert client.get("/hello").status == 200
            assert time.monotonic() - began < 1

    def test_send_raises_oserror_when_the_client_has_gone(self, uwsgi: Servers) -> None:
        server = uwsgi(module="outliving:app")
        with Http1(server.address) as client:
            client.request("/sends-for-ever")
            client.head()
        server.wait_log(r"send raised", timeout=5)


class TestHalfClose:
    def half_close(self, server: Server) -> bytes:
        with Http1(server.address) as client:
            client.send(GET % b"/slow")
            client.socket.shutdown(socket.SHUT_WR)
            return client.rest()

    def test_it_is_a_hang_up(self, server: Server) -> None:
        assert self.half_close(server) == b""

    def test_it_is_not_where_the_ini_says_so(self, uwsgi: Servers) -> None:
        server = uwsgi(module="outliving:app", trio_half_close="true")
        assert self.half_close(server).endswith(b"slow")

    def test_a_hang_up_is_one_even_so(self, uwsgi: Servers) -> None:
        server = uwsgi(module="outliving:app", trio_half_close="true")
        with Http1(server.address) as client:
            client.request("/sleep?seconds=60")
            server.wait_log("sleeping")
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.wait_log("sleep cancelled", timeout=5)


class TestRequestLine:
    @pytest.mark.parametrize(
        "line",
        [
            b"GET  / HTTP/1.1",
            b"GET /  HTTP/1.1",
            b"GET /#fragment HTTP/1.1",
            b"GET /a?b#c HTTP/1.1",
        ],
    )
    @pytest.mark.parametrize("before", [b"", GET % b"/hello", b"\r\n"])
    @pytest.mark.parametrize("behind", [b"", GET % b"/"])
    def test_it_has_single_blanks_and_no_fragment(
        self, server: Server, line: bytes, before: bytes, behind: bytes
    ) -> None:
        """Whatever is pipelined behind it, also the same line as it should be."""
        with Http1(server.address) as client:
            client.send(before + line + b"\r\nHost: t\r\n\r\n" + behind)
            if before.strip():
                assert client.response().status == 200
            assert client.response().status == 400
            assert client.rest() == b""

    def test_split_at_every_byte(self, server: Server) -> None:
        data = b"GET  / HTTP/1.1\r\nHost: t\r\n\r\n"
        for at in range(1, 20):
            with Http1(server.address) as client:
                client.send(data[:at])
                client.send(data[at:])
                assert client.response().status == 400
