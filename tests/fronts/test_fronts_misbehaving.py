"""Fronts at their worst: bodies that come too slowly, too long or not at all, and fronts that hang up."""

import socket
import time
from collections.abc import Iterator

import pytest
from support.http1 import Target, connect
from support.packets import ask, post, read, request
from support.uwsgi import Server, Servers
from support.waiting import eventually

LIMIT = 1000
RAW = {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked", "UWSGI_ROUTER": "http"}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="own_way:app", trio_write_timeout=1, harakiri=4)


@pytest.fixture(scope="module")
def limited(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="own_way:app", limit_post=LIMIT)


@pytest.fixture(params=["tcp", "unix"])
def front(request: pytest.FixtureRequest, server: Server) -> Iterator[socket.socket]:
    target: Target = server.address if request.param == "tcp" else server.unix_path
    with connect(target) as sock:
        yield sock


class TestTooLong:
    @pytest.mark.parametrize("path", ["/echo", "/early"])
    def test_chunks_that_come_with_the_packet(self, limited: Server, path: str) -> None:
        body = chunk(b"x" * (LIMIT + 1)) + chunk(b"")
        assert ask(limited.unix_path, request(path, **RAW) + body).status == 413

    def test_chunks_that_come_one_by_one(self, limited: Server) -> None:
        with connect(limited.unix_path) as front:
            front.sendall(request("/echo", **RAW))
            for _ in range(11):
                front.sendall(chunk(b"x" * 100))
            assert read(front).status == 413

    def test_what_chunks_need_besides_is_not_counted(self, limited: Server) -> None:
        with connect(limited.unix_path) as front, front.makefile("rb") as answer:
            front.sendall(request("/pieces", **RAW) + chunk(b"x") * 200)
            while answer.readline().strip():
                pass
            assert answer.read(200) == b"x" * 200
            front.sendall(chunk(b"x") * (LIMIT - 200) + chunk(b""))
            assert answer.read() == b"x" * (LIMIT - 200)

    @pytest.mark.parametrize("endless", [chunk(b"x") + b"0\r\nX: ", b"1;"], ids=["trailers", "chunk extensions"])
    def test_what_is_no_body_has_an_end(self, server: Server, endless: bytes) -> None:
        with connect(server.unix_path) as front:
            front.sendall(request("/echo", **RAW) + endless + b"y" * 100_000)
            assert read(front).status == 431

    def test_what_comes_behind_chunks_costs_no_answer(self, server: Server, front: socket.socket) -> None:
        """uWSGI's http router passes on whatever its client pipelines."""
        before = server.count("has read")
        front.sendall(request("/reads", **RAW) + chunk(b"x") + chunk(b""))
        server.wait_log("has read", before + 1)
        front.sendall(b"GET / HTTP/1.1\r\n")
        assert front.recv(12) == b"HTTP/1.1 200"
        time.sleep(0.05)
        front.sendall(b"Host: test\r\n\r\n")
        front.sendall(b"and more")
        assert read_rest(front).endswith(b"late")


def read_rest(front: socket.socket) -> bytes:
    return front.makefile("rb").read()


class TestTooSlow:
    def test_the_answer_in_the_place_of_an_app_that_has_not_read(self, server: Server) -> None:
        """It arrives, though the front is still sending."""
        with connect(server.address) as tcp, connect(server.unix_path) as unix:
            for front in (tcp, unix):
                front.sendall(post("/sleep?seconds=60", 400_000) + b"x" * 200_000)
            for front in (tcp, unix):
                assert front.recv(12) == b"HTTP/1.1 504"
                time.sleep(0.05)
                front.sendall(b"x" * 100_000)
                front.sendall(b"x" * 100_000)
                assert b"longer than this server allows" in read_rest(front)

    def test_a_packet_on_its_way_is_waited_for_by_a_drain(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", trio_drain_linger="0.2", trio_metrics_interval=0.1)
        # Over a UNIX socket: the kernel keeps a TCP connection that says nothing (TCP_DEFER_ACCEPT).
        with connect(server.unix_path) as front, connect(server.unix_path) as idle:
            front.sendall(request("/early")[:50])
            eventually(lambda: server.metrics()["worker.1.connections"] == 2)
            server.signal(1)
            assert idle.recv(1) == b""  # The linger is over.
            front.sendall(request("/early")[50:])
            assert read(front).body == b"early"
            server.wait_accepting(2)


class TestShielded:
    """What an app shields from its cancellation still ends when the front is given up."""

    @pytest.mark.parametrize(
        ("body", "status"),
        [(chunk(b"x" * (LIMIT + 1)), 413), (b"nonsense\r\n", 400)],
        ids=["too large", "no chunk"],
    )
    def test_a_body_that_is_refused(self, limited: Server, body: bytes, status: int) -> None:
        first, last = limited.count("shielded, 1 bytes"), limited.count("shielded, http.disconnect")
        with connect(limited.unix_path) as front:
            front.sendall(request("/shielded/reads", **RAW) + chunk(b"x"))
            limited.wait_log("shielded, 1 bytes", first + 1)
            front.sendall(body)
            limited.wait_log("shielded, http.disconnect", last + 1)
            assert read(front).status == status

    def test_a_write_that_stalls_when_the_front_has_gone(self, server: Server, front: socket.socket) -> None:
        before = server.count("waiting"), server.count("has written")
        front.sendall(request("/shielded/writes"))
        server.wait_log("waiting", before[0] + 1)
        front.shutdown(socket.SHUT_WR)
        server.wait_log("has written", before[1] + 1, timeout=5)


class TestHangUp:
    @pytest.mark.parametrize("times", range(5))
    def test_together_with_the_end_of_the_packet(self, server: Server, front: socket.socket, times: int) -> None:
        cancelled, data = server.count("sleep cancelled"), request("/sleep?seconds=60")
        front.sendall(data[:50])
        time.sleep(0.02)
        front.sendall(data[50:])
        front.close()
        server.wait_log("sleep cancelled", cancelled + 1, timeout=3)

    @pytest.mark.parametrize("times", range(5))
    def test_together_with_the_end_of_the_body(self, server: Server, front: socket.socket, times: int) -> None:
        reading, cancelled = server.count("reading"), server.count("sleep cancelled")
        front.sendall(post("/read-and-sleep", 5))
        server.wait_log("reading", reading + 1)
        front.sendall(b"hello")
        front.close()
        server.wait_log("sleep cancelled", cancelled + 1, timeout=3)

    def test_who_closes_only_his_side_gets_what_is_quick(self, front: socket.socket) -> None:
        front.sendall(request("/early"))
        front.shutdown(socket.SHUT_WR)
        assert read(front).body == b"early"

    def test_after_the_answer_is_no_disconnect(self, uwsgi: Servers) -> None:
        server = uwsgi(module="own_way:app", trio_metrics_interval=0.1)
        with connect(server.unix_path) as front:
            front.sendall(post("/answers", 5))
            assert front.recv(12) == b"HTTP/1.1 200"
        eventually(lambda: server.metrics()["requests"] == 1)
        assert server.metrics()["disconnects"] == 0


@pytest.mark.parametrize(("announced", "sizes"), [(5, "3,1"), (5, "3,3"), (5, "6"), (5, "4")])
def test_a_response_of_another_length_than_announced(server: Server, announced: int, sizes: str) -> None:
    """Its front must not take it for whole."""
    failed = server.count("exception in GET /length")
    response = ask(server.unix_path, request(f"/length?announced={announced}&sizes={sizes}"))
    assert response.status == 500 or len(response.body) < announced
    server.wait_log("exception in GET /length", failed + 1)
