"""A client that hangs up: its request is cancelled or told, within a tenth of a second; nobody else notices."""

import socket
import struct
import time
from collections.abc import Callable

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually

# Seconds within which a request is cancelled; more than promised, for what lies between the app's log and this test.
SOON = 0.5


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


def hang_up(client: Http1) -> float:
    client.close()
    return time.monotonic()


def reset(client: Http1) -> float:
    """Hang up with a reset instead of an orderly end."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return hang_up(client)


class Log:
    """What the log gains from here on."""

    def __init__(self, server: Server, pattern: str) -> None:
        self._server, self._pattern, self._before = server, pattern, server.count(pattern)

    def wait(self, timeout: float = SOON) -> None:
        self._server.wait_log(self._pattern, self._before + 1, timeout)

    @property
    def silent(self) -> bool:
        return self._server.count(self._pattern) == self._before


Leave = Callable[[Http1], float]


@pytest.mark.parametrize("leave", [hang_up, reset])
class TestWorking:
    def test_in_a_sleep(self, server: Server, leave: Leave) -> None:
        started, cancelled, errors = Log(server, "sleeping"), Log(server, "sleep cancelled"), Log(server, "ERROR")
        client = Http1(server.address)
        client.request("/sleep?seconds=60")
        started.wait(5)
        leave(client)
        cancelled.wait()
        assert errors.silent

    def test_in_a_sleep_with_its_body_unread(self, server: Server, leave: Leave) -> None:
        started, cancelled = Log(server, "sleeping"), Log(server, "sleep cancelled")
        client = Http1(server.address)
        client.request("/sleep?seconds=60", "POST", b"x" * 100_000)
        started.wait(5)
        leave(client)
        cancelled.wait()

    def test_streaming(self, server: Server, leave: Leave) -> None:
        ended, errors = Log(server, "stream ended by"), Log(server, "ERROR")
        client = Http1(server.address)
        client.request("/ticks")
        client.head()
        leave(client)
        ended.wait()
        assert errors.silent

    def test_in_a_write_that_waits(self, server: Server, leave: Leave) -> None:
        started = Log(server, "flooding")
        client = Http1(server.address)
        client.request("/flood")
        started.wait(5)
        leave(client)
        eventually(lambda: server.metrics()["worker.1.in_flight"] == 0, 5)

    def test_waiting_for_the_body(self, server: Server, leave: Leave) -> None:
        told, taken, errors = Log(server, "got http.disconnect"), Log(server, "took 3 bytes"), Log(server, "ERROR")
        client = Http1(server.address)
        client.send(b"POST /wait HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel")
        taken.wait(5)
        leave(client)
        told.wait()
        assert errors.silent

    def test_waiting_for_the_disconnect(self, server: Server, leave: Leave) -> None:
        told, again, taken = Log(server, "got http.disconnect"), Log(server, "and again"), Log(server, "took 0 bytes")
        client = Http1(server.address)
        client.request("/wait")
        taken.wait(5)
        leave(client)
        told.wait()
        again.wait()

    def test_an_app_that_is_told_and_goes_on_is_cancelled(self, server: Server, leave: Leave) -> None:
        told, cancelled, taken = (
            Log(server, "got http.disconnect"),
            Log(server, "work cancelled"),
            Log(server, "took 0"),
        )
        client = Http1(server.address)
        client.request("/both")
        taken.wait(5)
        leave(client)
        told.wait()
        assert cancelled.silent
        cancelled.wait(3)


class TestAtOnce:
    """The end of the connection comes together with the request, before anybody can look."""

    @pytest.mark.parametrize("times", range(5))
    def test_a_slow_request_is_cancelled(self, server: Server, times: int) -> None:
        cancelled = Log(server, "sleep cancelled")
        client = Http1(server.address)
        client.request("/sleep?seconds=60")
        client.close()
        cancelled.wait()

    @pytest.mark.parametrize("times", range(5))
    def test_a_slow_request_behind_a_body_is_cancelled(self, server: Server, times: int) -> None:
        taken, cancelled = Log(server, "reading"), Log(server, "sleep cancelled")
        client = Http1(server.address)
        client.send(b"POST /read-and-sleep HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n")
        taken.wait(5)
        client.send(b"hello")
        client.close()
        cancelled.wait()

    def test_slow_requests_that_were_pipelined_are_cancelled(self, server: Server) -> None:
        client = Http1(server.address)
        started, cancelled = Log(server, "sleeping"), Log(server, "sleep cancelled")
        client.send(b"GET /sleep?seconds=0.3 HTTP/1.1\r\nHost: t\r\n\r\n")
        client.send(b"GET /sleep?seconds=60 HTTP/1.1\r\nHost: t\r\n\r\n" * 20)
        started.wait(5)
        client.close()
        cancelled.wait()
        eventually(lambda: server.metrics()["worker.1.in_flight"] == 0, 5)

    def test_who_closes_only_his_side_gets_what_is_quick(self, server: Server) -> None:
        with Http1(server.address) as client:
            client.send(b"GET /early HTTP/1.1\r\nHost: t\r\n\r\n" * 3)
            client.socket.shutdown(socket.SHUT_WR)
            assert [client.response().body for _ in range(3)] == [b"early"] * 3
            assert client.rest() == b""


class TestOthers:
    def test_nobody_else_notices(self, server: Server) -> None:
        with Http1(server.address) as other:
            other.request("/sleep?seconds=1")
            for _ in range(20):
                leaving = Http1(server.address)
                leaving.request("/sleep?seconds=60")
                leaving.close()
            assert other.response().body == b"slept"

    def test_after_the_answer_the_app_is_left_alone(self, server: Server) -> None:
        finished = Log(server, "work behind the answer is done")
        client = Http1(server.address)
        assert client.get("/afterwards").body == b"answer"
        client.close()
        finished.wait(5)

    def test_disconnects_are_counted_and_are_no_errors(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", trio_metrics_interval=0.1)
        for path in ("/sleep?seconds=60", "/ticks", "/wait"):
            client = Http1(server.address)
            client.request(path)
            eventually(lambda: server.metrics()["worker.1.in_flight"] == 1)
            client.close()
            eventually(lambda: server.metrics()["worker.1.in_flight"] == 0)
        assert server.metrics()["disconnects"] == 3
        assert (server.metrics()["exceptions"], server.count("ERROR")) == (0, 0)

    def test_an_exception_after_a_disconnect_is_logged(self, server: Server) -> None:
        failed, taken = Log(server, "KeyError: 'what the client had'"), Log(server, "about to fail")
        client = Http1(server.address)
        client.request("/fail-when-left")
        taken.wait(5)
        client.close()
        failed.wait(5)


def test_a_look_for_the_end_does_not_keep_it_from_who_waits(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/asks").body == b"asked"
        assert client.get("/early").body == b"early"
