"""The gate before the app: a health check by the worker itself, and a bound of the requests that run at a time."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.http1 import Http1, Response
from support.http2 import Http2
from support.packets import ask, request
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import open_
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection


def get(server: Server, path: str) -> Response:
    with Http1(server.address) as client:
        return client.get(path)


@pytest.fixture(scope="module")
def healthy(module_uwsgi: Servers) -> Server:
    return module_uwsgi(trio_health="/healthz", trio_drain_delay=2, trio_metrics_interval=0.1)


@pytest.fixture(scope="module")
def roomy(module_uwsgi: Servers) -> Server:
    return module_uwsgi(
        trio_max_requests_in_flight=2, trio_queue_timeout=1, trio_metrics_interval=0.1, trio_health="/healthz"
    )


@pytest.fixture
def full(roomy: Server) -> Iterator[None]:
    """Two requests that run for two seconds, and so all that may."""
    before = roomy.count("sleeping")
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(get, roomy, "/sleep?seconds=2") for _ in range(2)]
        roomy.wait_log("sleeping", before + 2)
        yield
        assert [answer.result().status for answer in answers] == [200, 200]


class TestHealth:
    def test_every_protocol(self, healthy: Server) -> None:
        assert get(healthy, "/healthz").text == "This worker serves.\n"
        assert ask(healthy.unix_path, request("/healthz")).status == 200
        with Http2(healthy.address).begin() as client:
            assert client.response(client.request("/healthz")) == (200, b"This worker serves.\n")

    def test_the_connection_goes_on(self, healthy: Server) -> None:
        with Http1(healthy.address) as client:
            assert [client.get(path).status for path in ("/healthz", "/healthz?probe=1", "/")] == [200, 200, 200]
            assert client.post("/healthz", b"ready?").status == 405
            client.request("/healthz", "HEAD")
            assert client.head().status == 200

    def test_it_is_neither_counted_nor_logged(self, healthy: Server) -> None:
        get(healthy, "/")
        eventually(lambda: healthy.metrics()["requests"] > 0)
        before = healthy.metrics()["requests"]
        for _ in range(20):
            get(healthy, "/healthz")
        get(healthy, "/")
        eventually(lambda: healthy.metrics()["requests"] > before)
        assert healthy.metrics()["requests"] == before + 1
        assert "/healthz" not in healthy.log

    def test_a_worker_that_is_to_end_says_so_and_goes_on_accepting(self, healthy: Server) -> None:
        (pid,) = healthy.worker_pids()
        began = time.monotonic()
        healthy.signal(signal.SIGHUP, pid)
        eventually(lambda: get(healthy, "/healthz").status == 503)
        assert get(healthy, "/healthz").text == "This worker drains.\n"
        assert get(healthy, "/pid").text == str(pid)
        assert time.monotonic() - began < 2
        eventually(lambda: get(healthy, "/pid").text != str(pid))
        assert time.monotonic() - began > 2
        assert get(healthy, "/healthz").status == 200


class TestRoom:
    @pytest.mark.usefixtures("full")
    def test_one_above_waits_and_is_shed(self, roomy: Server) -> None:
        shed, began = roomy.metrics()["shed"], time.monotonic()
        with Http1(roomy.address) as client:
            response = client.get("/")
            assert 0.9 < time.monotonic() - began < 1.8
            assert (response.status, response.headers["retry-after"]) == (503, "1")
            assert client.get("/healthz").status == 200  # The connection goes on, and the worker answers for itself.
        eventually(lambda: roomy.metrics()["shed"] == shed + 1)
        roomy.wait_log("overload: 1 requests shed")

    def test_one_above_waits_and_is_served(self, roomy: Server) -> None:
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(get, roomy, "/sleep?seconds=0.4") for _ in range(4)]
            assert [answer.result().status for answer in answers] == [200] * 4

    @pytest.mark.usefixtures("full")
    def test_the_other_protocols(self, roomy: Server) -> None:
        with Http2(roomy.address).begin() as client, ThreadPoolExecutor(2) as pool:
            packet = pool.submit(ask, roomy.unix_path, request("/"))
            stream = client.request("/")
            with pytest.raises(InvalidStatus) as caught:
                open_(roomy, "/ws")
            assert caught.value.response.status_code == 503
            assert caught.value.response.headers["retry-after"] == "1"
            assert client.response(stream)[0] == 503
            assert packet.result().status == 503

    @pytest.mark.usefixtures("full")
    def test_who_leaves_while_it_waits_takes_no_place(self, roomy: Server) -> None:
        for _ in range(10):
            with Http1(roomy.address) as client:
                client.request("/sleep?seconds=60")
                client.send(b"")
        eventually(lambda: get(roomy, "/").status == 200)
        began = time.monotonic()
        assert [get(roomy, "/").status for _ in range(3)] == [200] * 3
        assert time.monotonic() - began < 1

    def test_an_open_websocket_is_no_request(self, roomy: Server) -> None:
        with open_(roomy, "/ws") as one, open_(roomy, "/ws") as two, open_(roomy, "/ws") as three:
            for each in (one, two, three):
                each.send("hello")
                assert each.recv(timeout=5) == "hello"
            assert get(roomy, "/").status == 200


def test_a_drain_that_is_spread(uwsgi: Servers) -> None:
    server = uwsgi(trio_drain_spread=2, trio_drain_linger=0, worker_reload_mercy=10)
    (pid,) = server.worker_pids()
    with ExitStack() as stack:
        clients = [stack.enter_context(Http1(server.address)) for _ in range(20)]
        sockets = [stack.enter_context(open_(server, "/ws")) for _ in range(20)]
        for each in clients:
            each.get("/")
        began = time.monotonic()
        server.signal(signal.SIGHUP, pid)
        with ThreadPoolExecutor(40) as pool:
            closings = [pool.submit(_closed_after, each, began) for each in clients]
            restarts = [pool.submit(_restarted_after, each, began) for each in sockets]
            for ended in closings, restarts:
                times = sorted(each.result() for each in ended)
                assert times[-1] - times[0] > 0.5
                assert times[-1] < 4


def _closed_after(client: Http1, began: float) -> float:
    client.rest()
    return time.monotonic() - began


def _restarted_after(client: ClientConnection, began: float) -> float:
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=10)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("trio_health", "healthz", "a path without a query"),
        ("trio_max_requests_in_flight", "many", "a whole number, 0 or more"),
        ("trio_queue_timeout", "-1", "a number of seconds, 0 or more"),
    ],
)
def test_a_value_that_does_not_parse(uwsgi: Servers, option: str, value: str, allowed: str) -> None:
    server = uwsgi(ready=False, need_app=True, **{option: value})
    server.wait_log(f"{option.replace('_', '-')} = {value}: allowed is {allowed}")
