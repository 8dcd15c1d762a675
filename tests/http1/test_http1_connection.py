"""A connection from its first request to its end: keep-alive, pipelining, requests alike, the end of the worker."""

import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest
from support.behaviour import GET
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import took


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


@pytest.fixture
def client(server: Server) -> Iterator[Http1]:
    with Http1(server.address) as client:
        yield client


class TestKeepAlive:
    def test_many_requests(self, client: Http1) -> None:
        for number in range(200):
            assert client.post("/echo", b"%d" % number).body == b"%d" % number


class TestPipelining:
    def test_answers_come_in_order(self, client: Http1) -> None:
        paths = [f"/sleep?seconds={0.05 if number % 3 == 0 else 0}" for number in range(20)]
        bodies = [b"%d" % number for number in range(20)]
        for path, body in zip(paths, bodies, strict=True):
            client.request(path)
            client.request("/echo", "POST", body)
        for body in bodies:
            assert client.response().body == b"slept"
            assert client.response().body == body

    def test_a_client_that_pipelines_without_reading_is_made_to_wait(self, server: Server) -> None:
        """The kernel's buffers fill; the worker takes no more requests than one read holds."""
        with Http1(server.address) as greedy, Http1(server.address) as other:
            greedy.socket.setblocking(False)
            request = b"GET /big?size=100000 HTTP/1.1\r\nHost: t\r\n\r\n" * 1000
            sent = _send_until_full(greedy.socket, request, limit=100_000_000)
            assert sent < 100_000_000
            assert other.get("/early").body == b"early"

    def test_a_client_that_pipelines_without_pause_leaves_time_for_others(self, server: Server) -> None:
        with Http1(server.address) as busy, Http1(server.address) as other:
            pump = Thread(target=_pump, args=(busy, 50_000))
            pump.start()
            times = []
            while pump.is_alive():
                began = time.monotonic()
                assert other.get("/early").status == 200
                times.append(took(began))
            pump.join()
            assert len(times) > 10
            assert sorted(times)[len(times) // 2] < 0.1

    def test_what_was_pipelined_before_a_drain_is_answered(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app")
        with Http1(server.address) as client:
            client.send(b"GET /sleep?seconds=1 HTTP/1.1\r\nHost: t\r\n\r\n" + GET * 3)
            server.wait_log("sleeping")
            server.signal(1)
            server.wait_log("draining")
            answers = [client.response() for _ in range(4)]
            assert [answer.headers["connection"] for answer in answers] == [None, None, None, "close"]
            assert client.rest() == b""
            server.wait_accepting(2)


def _send_until_full(sock: socket.socket, data: bytes, limit: int) -> int:
    """Send until nothing is taken for a while; returns how much was."""
    sent = 0
    last = time.monotonic()
    while sent < limit and took(last) < 0.5:
        try:
            sent += sock.send(data)
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    return sent


def _pump(client: Http1, count: int) -> None:
    """Pipeline so many requests, and read their answers meanwhile."""
    reader = Thread(target=_read_answers, args=(client.socket, count))
    reader.start()
    for _ in range(count // 100):
        client.send(GET * 100)
    reader.join()


def _read_answers(sock: socket.socket, count: int) -> None:
    seen = 0
    while seen < count:
        data = sock.recv(1 << 20)
        assert data
        seen += data.count(b"HTTP/1.1 200")


class TestTheEndOfTheWorker:
    def test_a_request_in_flight_gets_503(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app")
        with Http1(server.address) as sleeping, Http1(server.address) as streaming, Http1(server.address) as idle:
            sleeping.request("/sleep?seconds=60")
            streaming.request("/ticks")
            assert idle.get("/early").status == 200
            server.wait_log("sleeping")
            assert streaming.head().status == 200
            server.signal(2)
            response = sleeping.response()
            assert (response.status, response.headers["connection"]) == (503, "close")
            assert not streaming.rest().endswith(b"0\r\n\r\n")
            assert idle.rest() == b""

    def test_a_head_on_its_way_is_waited_for(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", trio_drain_linger="0.2")
        with Http1(server.address) as half, Http1(server.address) as idle:
            assert half.get("/early").status == 200
            assert idle.get("/early").status == 200
            half.send(GET[:10])
            server.signal(1)
            assert idle.rest() == b""  # The linger is over.
            half.send(GET[10:])
            assert half.response().headers["connection"] == "close"
            server.wait_accepting(2)

    def test_a_hang_up_is_seen_after_the_linger(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", trio_drain_linger="0.2")
        with Http1(server.address) as sleeping, Http1(server.address) as idle:
            assert idle.get("/early").status == 200
            sleeping.request("/sleep?seconds=60")
            server.wait_log("sleeping")
            server.signal(1)
            assert idle.rest() == b""
        server.wait_log("sleep cancelled", timeout=1)
        server.wait_accepting(2)


class TestTheSameAgain:
    """A request that is like the one before, or differs in its target alone, is recognised by its bytes."""

    def test_request(self, client: Http1) -> None:
        for _ in range(3):
            assert client.get("/early?a=1").body == b"early"
        assert client.get("/state").body == b"0"
        assert client.get("/early?a=1").body == b"early"

    def test_targets(self, client: Http1) -> None:
        for size in range(1, 6):
            assert client.get(f"/length?announced={size}&sizes={size}").body == b"x" * size
        assert client.get("/early").body == b"early"

    def test_bytes_that_are_a_body_now(self, client: Http1) -> None:
        for _ in range(2):
            client.send(GET)
            assert client.response().body == b"early"
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(GET))
        assert client.head().status == 100
        client.send(GET)
        assert client.response().body == GET
        client.send(GET)
        assert client.response().body == b"early"

    def test_bytes_in_the_middle_of_a_head(self, server: Server, client: Http1) -> None:
        client.send(GET)
        assert client.response().body == b"early"
        client.send(b"GET /state HTTP/1.1\r\nx-begun: ")
        with Http1(server.address) as other:
            assert other.get("/early").body == b"early"  # The worker has read by now what came before.
        client.send(GET)
        assert client.response().body == b"0"

    def test_headers_that_an_app_changes(self, client: Http1) -> None:
        assert len({client.get("/change-headers").body for _ in range(3)}) == 1
