"""How long a connection waits: for the next request, a head, a body, and for a client that does not read."""

import time
from contextlib import ExitStack

import pytest
from support.behaviour import GET
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually, took

# Seconds by which the sweeper may be early or late, and some more for a slow machine.
SWEEP = 0.5
SLOW = 1.5


@pytest.fixture(scope="module")
def impatient(module_uwsgi: Servers) -> Server:
    return module_uwsgi(
        module="http1_behaviour:app",
        trio_keepalive_timeout=1,
        trio_header_timeout=2,
        trio_body_timeout=1,
        trio_write_timeout=1,
    )


class TestKeepAlive:
    def test_an_idle_connection_is_closed(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            assert client.get("/early").status == 200
            began = time.monotonic()
            assert client.rest() == b""
            assert 1 - SWEEP <= took(began) < 1 + SWEEP + SLOW

    def test_one_that_never_asked_is_closed(self, impatient: Server) -> None:
        """Over a UNIX socket, because uWSGI lets the kernel keep a TCP connection until it sends (TCP_DEFER_ACCEPT)."""
        began = time.monotonic()
        with Http1(impatient.unix_path) as client:
            assert client.rest() == b""
        assert 2 - SWEEP <= took(began) < 2 + SWEEP + SLOW

    def test_requests_renew_it(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            began = time.monotonic()
            while took(began) < 3:
                assert client.get("/sleep?seconds=0.3").status == 200

    def test_a_request_that_meets_the_timeout_is_answered_or_the_connection_is_closed_without_a_word(
        self, impatient: Server
    ) -> None:
        """Whenever a request comes, it is answered or never read: nobody gets half an answer or a reset."""
        with ExitStack() as stack:
            clients = [stack.enter_context(Http1(impatient.address)) for _ in range(40)]
            for client in clients:
                assert client.get("/early").status == 200
            began = time.monotonic()
            answered = 0
            for number, client in enumerate(clients):
                # Spread over the moments at which the sweeper may come.
                time.sleep(max(0.0, began + 0.4 + number * 0.04 - time.monotonic()))
                answered += self._try(client)
            assert 0 < answered < len(clients)

    def _try(self, client: Http1) -> bool:
        try:
            client.send(GET)
            response = client.response()
        except ConnectionError:
            return False
        assert response.body == b"early"
        return True


def drip(client: Http1, pieces: list[bytes], pause: float) -> None:
    """Send them one by one, so many seconds apart."""
    for piece in pieces:
        client.send(piece)
        time.sleep(pause)


class TestTimeouts:
    @pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nHost: t\r\nA: "], ids=["method", "headers"])
    def test_a_head_that_does_not_come(self, impatient: Server, start: bytes) -> None:
        with Http1(impatient.address) as client:
            began = time.monotonic()
            client.send(start)
            response = client.response()
            assert (response.status, response.headers["connection"]) == (408, "close")
            assert 2 - SWEEP <= took(began) < 2 + SWEEP + SLOW
            assert client.rest() == b""

    def test_a_head_that_comes_byte_by_byte(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                drip(client, [bytes([byte]) for byte in GET] * 10, 0.2)
            assert took(began) < 8

    def test_a_head_behind_an_answered_request(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            client.send(GET + b"GET / HT")
            assert client.response().status == 200
            assert client.response().status == 408

    def test_empty_lines_are_no_request(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                drip(client, [b"\r\n"] * 90, 0.1)
            assert took(began) < 8

    def test_a_body_that_does_not_come(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            began = time.monotonic()
            client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel")
            response = client.response()
            assert (response.status, response.headers["connection"]) == (408, "close")
            assert 1 - SWEEP <= took(began) < 1 + SWEEP + SLOW
            assert client.rest() == b""

    def test_a_body_that_does_not_come_behind_the_head_of_its_answer(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            client.send(b"POST /pieces HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel")
            assert client.head().headers["transfer-encoding"] == "chunked"
            assert client.rest() == b"3\r\nhel\r\n"

    def test_a_body_that_comes_slowly_is_waited_for(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n")
            for _ in range(10):
                time.sleep(0.3)
                client.send(b"x")
            assert client.response().body == b"x" * 10

    def test_a_client_that_does_not_read(self, impatient: Server) -> None:
        with Http1(impatient.address) as client:
            client.request("/big?size=100000000")
            eventually(lambda: impatient.metrics()["worker.1.in_flight"] == 1)
            eventually(lambda: impatient.metrics()["worker.1.in_flight"] == 0, 6)
            assert len(_all_there_is(client)) < 100_000_000

    def test_a_client_that_does_not_read_but_sends(self, impatient: Server) -> None:
        """The deadline of the write stands while the app reads in another task."""
        with Http1(impatient.address) as client:
            client.send(b"POST /duplex HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n")
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                drip(client, [b"x"] * 300, 0.05)
            assert took(began) < 8


def _all_there_is(client: Http1) -> bytes:
    data = b""
    try:
        while piece := client.socket.recv(1 << 20):
            data += piece
    except ConnectionError:
        pass
    return data
