"""Request bodies: asked for, read as fast as the app wants them, left unread."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.http1 import Http1, post_head
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


@pytest.fixture
def client(server: Server) -> Iterator[Http1]:
    with Http1(server.address) as client:
        yield client


def resident_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


class TestExpectContinue:
    def test_the_body_is_asked_for_when_the_app_reads(self, client: Http1) -> None:
        post_head(client, "/echo", "Expect: 100-continue", "Content-Length: 5")
        assert client.head().status == 100
        client.send(b"hello")
        assert client.response().body == b"hello"
        assert client.get("/early").status == 200

    def test_chunks_are_asked_for(self, client: Http1) -> None:
        post_head(client, "/echo", "Expect: 100-continue", "Transfer-Encoding: chunked")
        assert client.head().status == 100
        client.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert client.response().body == b"hello"

    def test_an_answer_without_reading_closes(self, client: Http1) -> None:
        post_head(client, "/early", "Expect: 100-continue", "Content-Length: 5")
        response = client.response()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert client.rest() == b""

    def test_a_body_that_is_here_already_is_not_asked_for(self, client: Http1) -> None:
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        assert client.response().status == 200

    def test_no_body_is_not_asked_for(self, client: Http1) -> None:
        post_head(client, "/echo", "Expect: 100-continue", "Content-Length: 0")
        response = client.response()
        assert (response.status, response.headers["connection"]) == (200, None)
        assert client.get("/early").status == 200

    def test_a_body_that_is_too_large_is_not_asked_for(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", limit_post=10)
        with Http1(server.address) as client:
            post_head(client, "/echo", "Expect: 100-continue", "Content-Length: 11")
            assert client.response().status == 413


class TestPieces:
    def test_a_piece_for_each_read(self, client: Http1) -> None:
        post_head(client, "/pieces", "Transfer-Encoding: chunked")
        client.send(b"3\r\nabc\r\n")
        assert client.head().status == 200
        assert client.chunk() == b"abc"
        client.send(b"3\r\ndef\r\n")
        assert client.chunk() == b"def"
        client.send(b"0\r\n\r\n")
        assert client.chunk() == b""

    def test_chunks_in_one_read_are_one_piece(self, client: Http1) -> None:
        client.send(
            b"POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1\r\nx\r\n" * 100
            + b"0\r\n\r\n"
        )
        assert client.response().body == b"100"

    def test_an_announced_body_that_came_with_its_head_is_one_piece(self, client: Http1) -> None:
        """However small the slices are in which heads are taken apart; the next request is behind it all the same."""
        for _ in range(2):
            client.send(2 * (b"POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10_000))
            assert [client.response().body for _ in range(2)] == [b"10000", b"10000"]

    def test_large_bodies(self, client: Http1) -> None:
        body = bytes(range(256)) * 40_000
        assert client.post("/echo", body).body == body

    def test_many_small_chunks(self, client: Http1) -> None:
        post_head(client, "/echo", "Transfer-Encoding: chunked")
        for _ in range(100):
            client.send(b"1\r\nx\r\n" * 100)
        client.send(b"0\r\n\r\n")
        assert client.response().body == b"x" * 10_000


class TestBackpressure:
    def test_a_slow_app_slows_its_client(self, server: Server, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app")
        (worker,) = server.worker_pids()
        with Http1(server.address) as slow, Http1(server.address) as other:
            size = 200_000_000
            post_head(slow, "/slow", f"Content-Length: {size}")
            slow.send(b"x")
            server.wait_log("took one")
            before = resident_kilobytes(worker)
            sent = 1 + fill(slow.socket, size)
            assert sent < 50_000_000
            assert resident_kilobytes(worker) - before < 5_000
            assert other.get("/go").body == b"gone"
            send_all(slow.socket, size - sent)
            assert slow.response().body == b"%d" % size
            assert resident_kilobytes(worker) - before < 20_000

    def test_a_client_that_does_not_read_blocks_only_itself(self, server: Server) -> None:
        (worker,) = server.worker_pids()
        with Http1(server.address) as deaf, Http1(server.address) as other:
            before = resident_kilobytes(worker)
            deaf.request("/flood?size=100000")
            server.wait_log("flooding")
            for _ in range(100):
                assert other.get("/early").status == 200
            assert resident_kilobytes(worker) - before < 5_000

    def test_a_client_that_reads_as_fast_as_it_can_leaves_time_for_others(self, server: Server) -> None:
        with Http1(server.address) as greedy, Http1(server.address) as other:
            greedy.request("/flood?size=10")
            greedy.head()
            began = time.monotonic()
            for _ in range(20):
                for _ in range(50):
                    greedy.chunk()
                assert other.get("/early").status == 200
            assert time.monotonic() - began < 5


def fill(sock: socket.socket, limit: int) -> int:
    """Send until nothing is taken for half a second; returns how much was."""
    sock.setblocking(False)
    sent, last = 0, time.monotonic()
    while time.monotonic() - last < 0.5 and sent < limit:
        try:
            sent += sock.send(b"x" * min(65536, limit - sent))
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    sock.settimeout(10)
    return sent


def send_all(sock: socket.socket, size: int) -> None:
    piece = b"x" * 1_000_000
    for _ in range(size // len(piece)):
        sock.sendall(piece)
    sock.sendall(piece[: size % len(piece)])


class TestUnread:
    def test_a_short_rest_is_read(self, client: Http1) -> None:
        post_head(client, "/early", "Content-Length: 200000")
        response = client.response()
        assert (response.status, response.headers["connection"]) == (200, None)
        client.send(b"x" * 200_000)
        assert client.get("/early").body == b"early"

    def test_a_long_rest_closes(self, client: Http1) -> None:
        post_head(client, "/early", "Content-Length: 3000000")
        client.send(b"x" * 3_000_000)
        assert client.response().body == b"early"
        assert client.rest() == b""

    def test_a_rest_that_does_not_come_closes(self, client: Http1) -> None:
        began = time.monotonic()
        post_head(client, "/early", "Content-Length: 5")
        assert client.response().body == b"early"
        assert client.rest() == b""
        assert 1.5 < time.monotonic() - began < 4

    def test_a_rest_that_is_invalid_closes(self, client: Http1) -> None:
        post_head(client, "/early", "Transfer-Encoding: chunked")
        assert client.response().body == b"early"
        client.send(b"nonsense\r\n")
        assert client.rest() == b""

    def test_a_rest_whose_client_goes_is_given_up(self, server: Server) -> None:
        with Http1(server.address) as client:
            post_head(client, "/early", "Content-Length: 5")
            assert client.response().body == b"early"
        eventually(lambda: server.metrics()["worker.1.connections"] == 0, 5)

    def test_reading_behind_the_answer_tells_of_the_end(self, server: Server, client: Http1) -> None:
        post_head(client, "/late", "Content-Length: 5")
        assert client.response().body == b"before"
        server.wait_log("then http.disconnect")

    def test_an_invalid_body_gets_400(self, client: Http1) -> None:
        post_head(client, "/echo", "Transfer-Encoding: chunked")
        client.send(b"1\r\nx\r\n")
        client.send(b"nonsense\r\n")
        assert client.response().status == 400
        assert client.rest() == b""
