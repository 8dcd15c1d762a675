"""Apps that swallow their cancellation, or leave tasks, threads, scopes and generators: bounded, and their own affair.

The client is answered, the others are served, and the worker leaves in time.
"""

import signal
import time

import h2.events
import pytest
from support.http1 import Http1, connect
from support.http2 import Http2
from support.packets import ask
from support.packets import request as packet
from support.uwsgi import Server, Servers
from support.waiting import took
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

# Seconds of the drain; the last tenth of the second before them is the worker's last one.
MERCY = 3

# Seconds more until another worker accepts, which starts when the master has noticed.
START = 10

STUBBORN = ["/swallows", "/shields", "/waits-for-a-thread"]
LEAVES = [
    "/opens-a-scope",
    "/leaves-threads",
    "/leaves-system-tasks",
]


def others_are_served(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/").text == "hello"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    server = module_uwsgi(module="leaving_things:app", harakiri=1, worker_reload_mercy=MERCY)
    server.may_outstay = True
    return server


class TestHarakiri:
    """The client gets its answer five seconds after the cancellation, whether the app ends or not."""

    @pytest.mark.parametrize("path", STUBBORN)
    def test_http1(self, server: Server, path: str) -> None:
        with Http1(server.address, timeout=20) as client:
            assert client.get(path).status == 504
        others_are_served(server)

    @pytest.mark.parametrize("path", STUBBORN)
    def test_http2(self, server: Server, path: str) -> None:
        with Http2(server.address).begin() as client:
            assert client.response(client.request(path))[0] == 504
            assert client.response(client.request("/")) == (200, b"hello")

    def test_a_packet(self, server: Server) -> None:
        assert ask(server.address, packet("/swallows")).status == 504

    def test_amid_a_response(self, server: Server) -> None:
        with Http1(server.address, timeout=20) as client:
            client.request("/swallows-amid")
            assert client.head().status == 200
            assert client.rest() == b"half"

    def test_amid_a_response_of_http2(self, server: Server) -> None:
        with Http2(server.address).begin() as client:
            stream = client.request("/swallows-amid")
            assert client.wait(h2.events.StreamReset).stream_id == stream
            assert client.response(client.request("/")) == (200, b"hello")

    def test_one_that_recovers_answers_itself(self, server: Server) -> None:
        with Http1(server.address) as client:
            assert client.get("/swallows-once").text == "left"

    def test_it_is_said_once(self, server: Server) -> None:
        before = server.count("GET /swallows runs on 5 s after it was cancelled")
        with Http1(server.address, timeout=20) as client:
            assert client.get("/swallows").status == 504
        assert server.count("GET /swallows runs on 5 s after it was cancelled") == before + 1


class TestDrain:
    """The worker leaves within its mercy, with a word on what it waited for, and the client gets a 503 before."""

    def drain(self, server: Server) -> None:
        """Have the worker replaced; the new one serves."""
        [pid] = server.worker_pids()
        server.may_outstay = True
        began = time.monotonic()
        server.signal(signal.SIGHUP, pid)
        server.wait_accepting(2, MERCY + START)
        assert took(began) < MERCY + START
        assert server.worker_pids() != [pid]
        assert not server.count("SIGKILL|killing worker")
        others_are_served(server)

    @pytest.mark.parametrize("path", STUBBORN)
    def test_one_that_does_not_end(self, uwsgi: Servers, path: str) -> None:
        server = uwsgi(module="leaving_things:app", worker_reload_mercy=MERCY)
        with Http1(server.address, timeout=20) as client:
            client.request(path)
            others_are_served(server)
            self.drain(server)
            assert client.response().status == 503

    def test_a_session(self, uwsgi: Servers) -> None:
        server = uwsgi(module="leaving_things:app", worker_reload_mercy=MERCY)
        with connect_websocket("ws://test/session-swallows", sock=connect(server.address)) as client:
            self.drain(server)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012

    @pytest.mark.parametrize("path", LEAVES)
    def test_what_is_left(self, uwsgi: Servers, path: str) -> None:
        server = uwsgi(module="leaving_things:app", worker_reload_mercy=MERCY)
        [pid] = server.worker_pids()
        for _ in range(2):
            with Http1(server.address) as client:
                assert client.get(path).text == "left"
            with Http2(server.address).begin() as client:
                assert client.response(client.request(path)) == (200, b"left")
            others_are_served(server)
        assert server.worker_pids() == [pid]
        self.drain(server)


@pytest.mark.parametrize("where", ["system-task", "call"])
def test_what_fails_beside_all_tasks_ends_its_worker(uwsgi: Servers, where: str) -> None:
    """Trio has it so: nobody else could know what is broken. The log says what it was, and the next worker serves."""
    server = uwsgi(module="leaving_things:app")
    with Http1(server.address) as client:
        assert client.get(f"/{where}-fails").text == "left"
    server.wait_accepting(2)
    server.wait_log(f"ValueError: in a {where}")
    others_are_served(server)


def test_a_session_that_leaves_a_nursery(uwsgi: Servers) -> None:
    server = uwsgi(module="leaving_things:app")
    client = connect_websocket("ws://test/session-opens-a-nursery", sock=connect(server.address))
    with client, pytest.raises(ConnectionClosed):
        client.recv(timeout=5)
    others_are_served(server)
