"""What bodies may do, on both engines alike: come late, be too large, have an odd length, go on behind the answer."""

import signal
import socket
import time
from contextlib import suppress

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually

# Seconds within which the request of a client that hung up is cancelled, and what lies between the log and this test.
SOON = 0.5

# More than a queue of pieces holds.
MANY = 200


def post(client: Http1, path: str, line: str) -> None:
    """Send the head of a POST."""
    client.send(f"POST {path} HTTP/1.1\r\nHost: t\r\n{line}\r\n\r\n".encode())


def send_until_full(sock: socket.socket) -> None:
    """Send until the server takes no more."""
    sock.settimeout(0.2)
    with suppress(TimeoutError):
        while True:
            sock.send(b"x" * 65536)
    sock.settimeout(10)


class TestLate:
    @pytest.mark.parametrize("line", ["Content-Length: 10", "Transfer-Encoding: chunked"])
    def test_a_body_that_does_not_come_gets_408(self, uwsgi: Servers, line: str) -> None:
        server = uwsgi(module="http1_behaviour:app", trio_body_timeout=0.5)
        with Http1(server.address) as client:
            began = time.monotonic()
            post(client, "/echo", line)
            response = client.response()
            assert (response.status, response.headers["connection"]) == (408, "close")
            assert time.monotonic() - began < 3
            assert client.rest() == b""
        eventually(lambda: server.metrics()["timeouts"] == 1)

    def test_each_piece_has_the_time_anew(self, limited: Server) -> None:
        with Http1(limited.address) as client, Http1(limited.address) as other:
            post(client, "/echo", "Content-Length: 10")
            for _ in range(10):
                client.send(b"x")
                assert other.get("/sleep?seconds=0.3").status == 200
            assert client.response().body == b"x" * 10

    def test_an_app_may_take_its_time(self, limited: Server) -> None:
        with Http1(limited.address) as client, Http1(limited.address) as other:
            post(client, "/slow", "Content-Length: 2")
            client.send(b"x")
            limited.wait_log("took one")
            assert other.get("/sleep?seconds=2.2").status == 200
            client.send(b"x")
            assert other.get("/go").body == b"gone"
            assert client.response().body == b"2"


class TestTooLarge:
    @pytest.mark.parametrize("path", ["/echo", "/early"])
    def test_chunks_that_come_with_the_head(self, limited: Server, path: str) -> None:
        with Http1(limited.address) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            client.send(head + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
            response = client.response()
            assert (response.status, response.headers["connection"]) == (413, "close")
            assert client.rest() == b""

    def test_chunks_that_come_one_by_one(self, limited: Server) -> None:
        with Http1(limited.address) as client, Http1(limited.address) as other:
            post(client, "/swallows", "Transfer-Encoding: chunked")
            before = limited.count("swallowed")
            for _ in range(11):
                client.send(b"64\r\n" + b"x" * 100 + b"\r\n")
                assert other.get("/early").status == 200
            assert client.response().status == 413
            limited.wait_log("swallowed", before + 1)

    def test_a_body_at_the_limit(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n")
            client.send(b"x" * 1000 + b"\r\n0\r\n\r\n")
            assert client.response().body == b"x" * 1000


class TestOddLength:
    """A response that is not as long as its Content-Length."""

    @pytest.mark.parametrize(("sizes", "what"), [("6", "1 bytes longer"), ("4", "1 bytes shorter")])
    def test_before_anything_has_left(self, limited: Server, sizes: str, what: str) -> None:
        before = limited.count(what)
        with Http1(limited.address) as client:
            response = client.get(f"/length?announced=5&sizes={sizes}")
            assert (response.status, response.headers["connection"]) == (500, "close")
            assert client.rest() == b""
        limited.wait_log(f"the body is {what} than its Content-Length", before + 1)

    @pytest.mark.parametrize(("sizes", "what"), [("3,4", "2 bytes longer"), ("2,1", "2 bytes shorter")])
    def test_when_a_part_has_left(self, limited: Server, sizes: str, what: str) -> None:
        before = limited.count(what)
        with Http1(limited.address) as client:
            client.request(f"/length?announced=5&sizes={sizes}")
            assert client.head().status == 200
            assert client.rest() == b"x" * int(sizes[0])
        limited.wait_log(f"the body is {what} than its Content-Length", before + 1)

    def test_a_head_without_a_body_gets_500(self, limited: Server) -> None:
        with Http1(limited.address) as client:
            assert client.get("/twice").status == 500

    @pytest.mark.parametrize("method", ["HEAD", "GET"])
    def test_what_has_no_body_has_no_odd_length(self, limited: Server, method: str) -> None:
        with Http1(limited.address) as client:
            path = "/length?announced=5&sizes=9" if method == "HEAD" else "/code?code=304&length=1"
            client.request(path, method)
            assert client.head().status == (200 if method == "HEAD" else 304)


class TestGone:
    """A client that hangs up while the app has not taken its body."""

    @pytest.mark.parametrize("times", range(3))
    def test_together_with_its_request(self, behaving: Server, times: int) -> None:
        before = behaving.count("sleep cancelled")
        client = Http1(behaving.address)
        head = b"POST /sleep?seconds=60 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head + b"1\r\nx\r\n" * MANY)
        client.close()
        behaving.wait_log("sleep cancelled", before + 1, SOON)

    def test_later(self, behaving: Server) -> None:
        started, cancelled = behaving.count("sleeping"), behaving.count("sleep cancelled")
        client = Http1(behaving.address)
        post(client, "/sleep?seconds=60", "Transfer-Encoding: chunked")
        client.send(b"1\r\nx\r\n" * MANY)
        behaving.wait_log("sleeping", started + 1)
        client.close()
        behaving.wait_log("sleep cancelled", cancelled + 1, SOON)

    @pytest.mark.parametrize("times", range(5))
    def test_when_nobody_can_tell_yet_whose_connection_it_is(self, behaving: Server, times: int) -> None:
        """A lone `P` may begin HTTP/2 as well."""
        before = behaving.count("sleep cancelled")
        client = Http1(behaving.address)
        client.send(b"P")
        eventually(lambda: behaving.metrics()["worker.1.connections"] == 1)
        (pid,) = behaving.worker_pids()
        behaving.signal(signal.SIGSTOP, pid)  # So it finds the request and its end at once.
        head = b"OST /sleep?seconds=60 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head + b"1\r\nx\r\n" * MANY)
        client.close()
        behaving.signal(signal.SIGCONT, pid)
        behaving.wait_log("sleep cancelled", before + 1, SOON)

    @pytest.mark.parametrize("times", range(5))
    def test_together_with_the_end_of_its_body(self, behaving: Server, times: int) -> None:
        started, cancelled = behaving.count("reading"), behaving.count("sleep cancelled")
        client = Http1(behaving.address)
        post(client, "/read-and-sleep", "Content-Length: 5")
        behaving.wait_log("reading", started + 1)
        client.send(b"hello")
        client.close()
        behaving.wait_log("sleep cancelled", cancelled + 1, SOON)

    @pytest.mark.parametrize("times", range(5))
    def test_together_with_the_request_behind_it(self, behaving: Server, times: int) -> None:
        """Nobody reads that before the first has been answered."""
        client = Http1(behaving.address)
        assert client.get("/sleep?seconds=1").status == 200  # Its hang-up is looked out for by then.
        before = behaving.count("sleep cancelled")
        client.send(b"GET /sleep?seconds=60 HTTP/1.1\r\nHost: t\r\n\r\n" * 2)
        client.close()
        behaving.wait_log("sleep cancelled", before + 1, SOON)

    def test_from_an_answer_without_end(self, behaving: Server) -> None:
        started = behaving.count("flooding")
        client = Http1(behaving.address)
        client.request("/flood")
        behaving.wait_log("flooding", started + 1)
        client.close()
        eventually(lambda: behaving.metrics()["worker.1.in_flight"] == 0, 5)


class TestStillSending:
    """The answer in the app's place reaches a client that has not been read to the end."""

    def test_harakiri(self, uwsgi: Servers) -> None:
        server = uwsgi(module="limits:app", harakiri=1)
        with Http1(server.address) as client:
            post(client, "/sleep?seconds=60", "Content-Length: 100000000")
            send_until_full(client.socket)
            server.wait_log("harakiri: POST /sleep is cancelled")
            client.send(b"x" * 2_000_000)
            response = client.response()
            assert (response.status, response.headers["connection"]) == (504, "close")
            assert client.rest() == b""

    def test_an_app_that_fails(self, behaving: Server) -> None:
        with Http1(behaving.address) as client:
            post(client, "/raise", "Content-Length: 100000000")
            client.send(b"x" * 5_000_000)
            response = client.response()
            assert (response.status, response.headers["connection"]) == (500, "close")
            assert client.rest() == b""

    def test_an_app_that_fails_while_pieces_wait(self, behaving: Server) -> None:
        errors = behaving.count("a connection from")
        with Http1(behaving.address) as client:
            post(client, "/raise", "Transfer-Encoding: chunked")
            for _ in range(20):
                client.send(b"1\r\nx\r\n" * MANY)
            assert client.response().status == 500
            assert client.rest() == b""
        assert behaving.count("a connection from") == errors
