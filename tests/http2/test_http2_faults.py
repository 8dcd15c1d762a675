"""Clients of HTTP/2 that cost more than they pay, and apps that would freeze a worker: others do not notice."""

import time

import h2.events
import h2.settings
import psutil
import pytest
from hyperframe.frame import PingFrame, PriorityFrame, SettingsFrame
from support.frames import DATA, END_HEADERS, GET, GOAWAY, HEADERS, Frames, block, frame
from support.http1 import Http1, connect
from support.http2 import Http2
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="outliving:app", trio_write_timeout=3)


def others_are_served(server: Server) -> None:
    for _ in range(10):
        began = time.monotonic()
        with Http1(server.address) as client:
            assert client.get("/hello").status == 200
        assert time.monotonic() - began < 1


def worker_memory(server: Server) -> int:
    return max(each.memory_info().rss for each in psutil.Process(server.master_pid).children())


class Shut(Http2):
    """A client whose streams have no window."""

    def begin(self) -> "Shut":
        window = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
        self.connection.local_settings = h2.settings.Settings(client=True, initial_values={window: 0})
        super().begin()
        return self


def test_a_closed_window_bounds_memory_and_time(uwsgi: Servers) -> None:
    server = uwsgi(module="outliving:app", trio_write_timeout=3)
    before = worker_memory(server)
    with Shut(server.address).begin() as client:
        streams = [client.request("/sends-for-ever") for _ in range(5)]
        server.wait_log("sends", 5)
        time.sleep(1)
        assert worker_memory(server) - before < 20_000_000
        client.socket.settimeout(8)
        for _ in streams:
            client.events.remove(client.wait(h2.events.StreamReset))
    others_are_served(server)


def test_head_of_an_endless_response(uwsgi: Servers) -> None:
    server = uwsgi(module="outliving:app")
    with Http2(server.address).begin() as client:
        stream = client.request("/sends-for-ever", method="HEAD")
        assert client.response(stream) == (200, b"")
        others_are_served(server)


def test_a_client_that_reads_an_endless_response(uwsgi: Servers) -> None:
    """On a busy machine it may take seconds to take apart what it has read, frame by frame."""
    server = uwsgi(module="outliving:app", trio_write_timeout=60)
    with Http2(server.address).begin() as client:
        stream = client.request("/sends-for-ever")
        while len(client.body(stream)) < 300_000:
            client.read()
        others_are_served(server)


@pytest.mark.parametrize("kind", ["settings", "ping"])
def test_a_flood_ends_its_connection(server: Server, kind: str) -> None:
    frame = SettingsFrame(0) if kind == "settings" else PingFrame(0, opaque_data=b"12345678")
    data = frame.serialize() * 1000
    with Http2(server.address).begin() as client:
        client.socket.settimeout(5)
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(2000):
                client.socket.sendall(data)
    others_are_served(server)


def test_priorities_of_idle_streams_are_none(server: Server) -> None:
    """RFC 9113 section 5.3.2: they may come for any stream."""
    with Http2(server.address).begin() as client:
        data = b"".join(PriorityFrame(number, depends_on=0).serialize() for number in range(1, 2001, 2))
        client.socket.sendall(data)
        client.connection.get_next_available_stream_id()
        stream = client.request("/hello")
        assert client.response(stream)[0] == 200


def test_a_client_that_waits_for_100(server: Server) -> None:
    with Http2(server.address).begin() as client:
        stream = client.connection.get_next_available_stream_id()
        headers = [(":method", "POST"), (":path", "/echo"), (":scheme", "http"), (":authority", "test")]
        client.connection.send_headers(stream, [*headers, ("expect", "100-continue"), ("content-length", "5")])
        client.flush()
        client.wait(h2.events.InformationalResponseReceived)
        client.connection.send_data(stream, b"hello", end_stream=True)
        client.flush()
        assert client.response(stream) == (200, b"hello")


@pytest.mark.parametrize(("size", "status"), [(8000, 200), (9000, 414)])
def test_a_long_target(server: Server, size: int, status: int) -> None:
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/hello?" + "a" * size))[0] == status


@pytest.mark.parametrize("ended", [True, False])
def test_a_request_that_is_refused_and_reset_in_one_read(server: Server, ended: bool) -> None:
    """A client that is slower resets it in the next one; its other streams do not notice it either."""
    with Http2(server.address).begin() as client:
        other = client.request("/goes-on?seconds=1")
        stream = client.connection.get_next_available_stream_id()
        target = (":path", "/hello?" + "a" * 9000)
        client.connection.send_headers(
            stream, [target, (":method", "GET"), (":scheme", "http"), (":authority", "test")], end_stream=ended
        )
        client.connection.reset_stream(stream)
        client.flush()
        assert client.response(client.request("/hello"))[0] == 200
        assert client.response(other) == (200, b"answer")


def test_a_large_head(server: Server) -> None:
    with Http2(server.address).begin() as client:
        stream = client.connection.get_next_available_stream_id()
        headers = [(":method", "GET"), (":path", "/hello"), (":scheme", "http"), (":authority", "test")]
        large = [(f"x-{number}", "a" * 4000) for number in range(10)]
        client.connection.send_headers(stream, [*headers, *large], end_stream=True)
        client.flush()
        assert client.response(stream)[0] == 431


def test_the_next_request_does_not_wait_for_an_app_after_its_answer(server: Server) -> None:
    began = time.monotonic()
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/goes-on?seconds=2")) == (200, b"answer")
        assert client.response(client.request("/hello"))[0] == 200
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("path", ["late", "late-pieces", "late-empty", "late-trailers", "late-file"])
def test_nobody_cancels_an_app_that_answered_late_and_goes_on(server: Server, path: str) -> None:
    """The stream closes with the end of the answer, whose way out is the app's own `send`."""
    done = server.count(f"{path} went on")
    with Http2(server.address).begin() as client:
        assert client.response(client.request(f"/goes-on/{path}"))[0] in (200, 204)
        server.wait_log(f"{path} went on", done + 1)


def test_a_cookie_in_crumbs_is_one(server: Server) -> None:
    """RFC 9113 section 8.2.3: an app may expect it in one line."""
    with Http2(server.address).begin() as client:
        stream = client.connection.get_next_available_stream_id()
        headers = [(":method", "GET"), (":path", "/cookies"), (":scheme", "http"), (":authority", "test")]
        client.connection.send_headers(stream, [*headers, ("cookie", "a=b"), ("x", "y"), ("cookie", "c=d")], True)
        client.flush()
        assert client.response(stream)[1] == b"a=b; c=d"


def test_a_connection_of_many_streams_does_not_grow(uwsgi: Servers) -> None:
    server = uwsgi(module="outliving:app")
    with Http2(server.address).begin() as client:
        grown = []
        for _ in range(3):
            for _ in range(1000):
                client.response(client.request("/hello"))
                client.events.clear()
            grown.append(worker_memory(server))
    assert grown[2] - grown[1] < 1_000_000


@pytest.mark.parametrize("path", ["/echo", "/refuses", "/denies"])
def test_a_connection_that_breaks_is_not_the_fault_of_a_websocket_on_it(uwsgi: Servers, path: str) -> None:
    """The break is read together with the request: what the app answers finds a connection that has ended."""
    server = uwsgi(module="websocket_behaviour:app", reload_on_exception=True)
    asked = {**dict(GET), ":method": "CONNECT", ":path": path}
    fields = ((":protocol", "websocket"), *asked.items(), ("sec-websocket-version", "13"))
    with connect(server.address) as sock, Frames(sock) as client:
        client.begin()
        client.send(frame(HEADERS, END_HEADERS, 1, block(*fields)), frame(DATA, stream=0, payload=b"of no stream"))
        assert client.wait(GOAWAY)
    eventually(lambda: server.metrics()["worker.1.in_flight"] == 0)
    assert "exception in" not in server.log
