"""How large a request body may be, what stands around it, and what becomes of a client that goes on all the same."""

import time
from collections.abc import Iterator

import pytest
from support.http1 import Http1, post_head
from support.uwsgi import Server, Servers


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


@pytest.fixture(scope="module")
def limited(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app", limit_post=1000)


@pytest.fixture
def client(server: Server) -> Iterator[Http1]:
    with Http1(server.address) as client:
        yield client


def send_for(client: Http1, seconds: float) -> None:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        client.send(b"x" * 1_000_000)


class TestLimits:
    def test_a_body_at_the_limit(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            assert client.post("/echo", b"x" * 1000).body == b"x" * 1000
            client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n")
            client.send(b"x" * 1000 + b"\r\n0\r\n\r\n")
            assert client.response().body == b"x" * 1000

    def test_an_announced_body_above_it(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            response = client.post("/echo", b"x" * 1001)
            assert (response.status, response.headers["connection"]) == (413, "close")
            assert client.rest() == b""

    @pytest.mark.parametrize("path", ["/echo", "/early"])
    def test_chunks_above_it_that_come_with_the_head(self, limited: Server, path: str) -> None:
        with Http1(limited.address) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            client.send(head + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
            assert client.response().status == 413
            assert client.rest() == b""

    def test_chunks_above_it_that_come_one_by_one(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            post_head(client, "/echo", "Transfer-Encoding: chunked", "Expect: 100-continue")
            assert client.head().status == 100
            for _ in range(11):
                client.send(b"64\r\n" + b"x" * 100 + b"\r\n")
            assert client.response().status == 413
            assert client.rest() == b""

    @pytest.mark.parametrize("path", ["/echo", "/early"])
    @pytest.mark.parametrize("pieces", [1, 3])
    def test_chunked_input_limit(self, uwsgi: Servers, path: str, pieces: int) -> None:
        server = uwsgi(module="http1_behaviour:app", chunked_input_limit=100)
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        good, large = b"64\r\n" + b"x" * 100 + b"\r\n", b"65\r\n" + b"x" * 101 + b"\r\n"
        with Http1(server.address) as client:
            client.send(head + good + good + b"0\r\n\r\n")
            assert client.response().status == 200
            client.send(head + good * pieces + large + b"0\r\n\r\n")
            assert client.response().status == 413
            assert client.rest() == b""

    def test_a_client_that_goes_on_sending_reads_its_413(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            post_head(client, "/echo", "Content-Length: 100000000")
            for _ in range(20):
                client.send(b"x" * 100_000)
            assert client.response().status == 413

    def test_a_client_that_never_stops_sending_is_cut_off(self, limited: Server) -> None:
        with Http1(limited.address) as client, Http1(limited.address) as other:
            post_head(client, "/echo", "Content-Length: 100000000000")
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                send_for(client, 10)
            assert other.get("/early").status == 200
            assert time.monotonic() - began < 6

    def test_an_app_that_swallows_the_cancellation(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            post_head(client, "/swallows", "Transfer-Encoding: chunked")
            client.send(b"1\r\nx\r\n")
            limited.wait_log("swallowing")
            client.send(b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
            assert client.response().status == 413

    def test_trailers_without_end(self, server: Server) -> None:
        with Http1(server.address) as client:
            post_head(client, "/echo", "Transfer-Encoding: chunked")
            client.send(b"1\r\nx\r\n0\r\n")
            client.send(b"X: " + b"y" * 100_000)
            assert client.response().status == 431

    def test_chunk_extensions_without_end(self, server: Server) -> None:
        with Http1(server.address) as client:
            post_head(client, "/echo", "Transfer-Encoding: chunked")
            client.send(b"1;" + b"y" * 100_000)
            assert client.response().status == 431

    def test_buffer_size_raises_the_limits_of_heads(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", buffer_size=65535)
        with Http1(server.address) as client:
            assert client.get("/" + "a" * 60_000).status == 200
            client.send(b"GET / HTTP/1.1\r\nHost: t\r\n" + b"A: " + b"b" * 60_000 + b"\r\n\r\n")
            assert client.response().status == 200
            client.send(b"GET /" + b"a" * 66_000 + b" HTTP/1.1\r\nHost: t\r\n\r\n")
            assert client.response().status == 414

    def test_a_small_head_behind_a_large_body(self, client: Http1) -> None:
        """The bytes of the body do not count against the head that follows it, however they arrive."""
        body = b"x" * 300_000
        request = b"GET /early HTTP/1.1\r\nHost: t\r\n\r\n"
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 300000\r\n\r\n" + body + request[:12])
        assert client.response().body == body
        client.send(request[12:])
        assert client.response().body == b"early"
