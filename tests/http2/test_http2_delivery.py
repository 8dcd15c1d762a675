"""What an app has sent over HTTP/2 arrives, however the app ends and however slowly its client reads."""

import contextlib
import socket
import time
from signal import SIGHUP

import h2.errors
import h2.events
import h2.settings
import pytest
from support.bodies import SCRIPTED, body_of
from support.http1 import Target, count_waiting
from support.http2 import Http2, Http2WebSocket
from support.uwsgi import Server, Servers
from support.waiting import eventually

# More than a UNIX socket takes at once, so that the end of an answer waits for its client in the worker.
SIZE = 260_000


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    """One whose clients are given little time."""
    return module_uwsgi(**SCRIPTED, trio_write_timeout=2)


class Client(Http2):
    """One that gives all the room there is, in the frames of HTTP/2, and reads when it likes."""

    def __init__(self, target: Target, window: int = 1 << 24) -> None:
        super().__init__(target)
        self.begin()
        self.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.connection.increment_flow_control_window((1 << 24) - 65535)
        self.flush()
        codes = h2.settings.SettingCodes
        self.wait(h2.events.SettingsAcknowledged, lambda each: codes.INITIAL_WINDOW_SIZE in each.changed_settings)

    def ask(self, number: int, steps: str) -> int:
        return self.request(f"/?id={number}&do={steps}")

    def flush(self) -> None:
        """Write what there is; over a UNIX socket nobody takes it any more whose reading has ended."""
        with contextlib.suppress(BrokenPipeError):
            super().flush()

    def response_to_a_ping(self) -> None:
        """Read all that the server has said so far."""
        self.connection.ping(b"say this")
        self.flush()
        self.wait(h2.events.PingAckReceived)

    def read_shut(self, stream: int) -> int:
        """Read without ever opening a window again; return the code with which a stream is reset."""
        while True:
            events = self.connection.receive_data(self.socket.recv(65536))
            self.events += events
            for event in events:
                if isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                    return int(event.error_code or 0)


@pytest.mark.parametrize("steps", ["p100.x", "p100.p70000.x", "p100000.q", "p100.p100000.w10.x"])
def test_what_was_sent_comes_before_the_reset(server: Server, steps: str) -> None:
    with Http2(server.address).begin() as client:
        stream = client.request(f"/?id=1&do={steps}")
        assert client.wait(h2.events.StreamReset).error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        sent = sum(int(step[1:]) for step in steps.split(".") if step[0] == "p")
        assert client.body(stream) == body_of(1, 0, sent)


def test_all_of_an_answer_comes_before_the_rest_of_its_request_is_refused(server: Server) -> None:
    """The client has a window of 65,535 bytes to begin with, and is sending still (RFC 9113 section 8.1)."""
    with Http2(server.address).begin() as client:
        stream: int = client.connection.get_next_available_stream_id()
        head = [(":method", "POST"), (":path", "/?id=2&do=P100000"), (":scheme", "http"), (":authority", "t")]
        client.connection.send_headers(stream, head)
        client.flush()
        client.wait(h2.events.StreamEnded)
        assert client.body(stream) == body_of(2, 0, 100_000)
        assert client.wait(h2.events.StreamReset).error_code == h2.errors.ErrorCodes.NO_ERROR


def test_the_time_of_an_idle_connection_begins_when_its_client_has_the_answer(uwsgi: Servers) -> None:
    server = uwsgi(**SCRIPTED, trio_keepalive_timeout=0.5)
    with Client(server.unix_path) as client:
        stream = client.ask(3, f"P{SIZE}")
        time.sleep(4)
        assert client.response(stream) == (200, body_of(3, 0, SIZE))


def test_a_drain_waits_until_the_answer_has_left(uwsgi: Servers) -> None:
    server = uwsgi(**SCRIPTED, worker_reload_mercy=30)
    with Client(server.unix_path) as client:
        stream = client.ask(4, f"P{SIZE}")
        eventually(lambda: (server.directory / "told").exists())
        server.signal(SIGHUP, server.worker_pids()[0])
        server.wait_log("draining")
        time.sleep(4)
        assert client.response(stream) == (200, body_of(4, 0, SIZE))


def read_slowly(client: Http2, seconds: float, size: int) -> None:
    """Read so many bytes at most every tenth of a second."""
    end = time.monotonic() + seconds
    while True:
        events = client.connection.receive_data(client.socket.recv(size))
        client.events += events
        time.sleep(0.1)
        if time.monotonic() >= end:
            return


def test_a_client_that_reads_a_large_piece_slowly_is_not_late(server: Server) -> None:
    with Client(server.unix_path) as client:
        stream = client.ask(5, "P3000000")
        read_slowly(client, 5, 20_000)
        assert client.response(stream) == (200, body_of(5, 0, 3_000_000))


def test_answers_that_wait_for_others_are_not_late(server: Server) -> None:
    with Client(server.unix_path) as client:
        streams = {number: client.ask(number, "P60000") for number in range(10, 40)}
        read_slowly(client, 5, 20_000)
        for number, stream in streams.items():
            assert client.response(stream) == (200, body_of(number, 0, 60_000))


@pytest.mark.parametrize("steps", ["P60000", "p60000.x", "P300000"])
def test_a_window_that_stays_closed_is_late_beside_others(server: Server, steps: str) -> None:
    with Client(server.unix_path, window=10) as client:
        closed, other = client.ask(6, steps), client.ask(7, ".".join(["p1.w100"] * 60) + ".P1")
        client.connection.increment_flow_control_window(1000, other)
        client.flush()
        assert client.read_shut(closed) == h2.errors.ErrorCodes.INTERNAL_ERROR
        assert client.response(other) == (200, body_of(7, 0, 61))


@pytest.mark.parametrize("steps", ["P300000", "p300000.x", "d300000"])
def test_a_client_that_gives_no_room_and_pings_is_late(server: Server, steps: str) -> None:
    """The room of the connection is used up by the first answers; pings, and the ends of others, are no reading."""
    with Http2(server.address).begin() as client:
        streams = {client.request(f"/?id={number}&do={steps}") for number in range(5)}
        began, reset = time.monotonic(), set[int | None]()
        while reset < streams and time.monotonic() - began < 8:
            client.connection.ping(b"I wait..")
            client.flush()
            for event in client.connection.receive_data(client.socket.recv(65536)):
                reset |= {event.stream_id} if isinstance(event, h2.events.StreamReset) else set()
            time.sleep(0.1)
    assert reset == streams


@pytest.mark.parametrize("steps", ["n1000", "F1000", "p10.n1000", "n0"])
def test_the_head_of_a_file_is_a_whole_answer(server: Server, steps: str) -> None:
    before = server.count("ended before its response")
    with Http2(server.address).begin() as client:
        stream = client.request(f"/?id=8&do={steps}", "HEAD")
        assert client.response(stream) == (200, b"")
        assert client.response(client.request("/")) == (200, b"hello")
        assert not any(isinstance(each, h2.events.StreamReset) for each in client.events)
    assert server.count("ended before its response") == before


def test_a_file_that_the_app_gives_up_is_cut_off(server: Server) -> None:
    """What the app sends behind a part of it makes no sense."""
    with Client(server.address, window=1000) as client:
        stream = client.ask(9, "d300000.p10.P10")
        time.sleep(0.5)
        client.wait(h2.events.StreamReset)
        body = client.body(stream)
        assert body == body_of(9, 0, len(body))


def test_what_came_before_a_file_that_is_given_up_arrives(server: Server) -> None:
    """The client has a window of 65,535 bytes to begin with, and reads when the app has given up."""
    with Http2(server.address).begin() as client:
        stream = client.request("/?id=10&do=p100000.d300000.p10.P10")
        time.sleep(0.5)
        assert client.wait(h2.events.StreamReset).error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        body = client.body(stream)
        assert len(body) >= 100_000
        assert body == body_of(10, 0, len(body))


@pytest.mark.parametrize("pause", [0, 4], ids=["without a pause", "with a pause, as on a busy machine"])
def test_what_the_kernel_has_comes_to_a_client_that_opens_windows_meanwhile(uwsgi: Servers, pause: float) -> None:
    """The worker has written all, and is asked to end: a close would answer the next window by a reset."""
    server = uwsgi(**SCRIPTED, worker_reload_mercy=30)
    with Client(server.address) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream = client.ask(41, "P150000")
        eventually(lambda: count_waiting(client.socket))
        server.signal(SIGHUP, server.worker_pids()[0])
        server.wait_log("draining")
        while not any(isinstance(each, h2.events.StreamEnded) for each in client.events):
            read_slowly(client, 0.0, 3000)
            if pause and len(client.body(stream)) > 20_000:
                time.sleep(pause)
                pause = 0
            client.connection.increment_flow_control_window(3000)
            client.flush()
        assert client.body(stream) == body_of(41, 0, 150_000)


def post(client: Client, path: str, **more: str) -> int:
    """Begin with a request whose body is still to come."""
    stream: int = client.connection.get_next_available_stream_id()
    fields = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "t")]
    client.connection.send_headers(stream, [*fields, *((name.replace("_", "-"), more[name]) for name in more)])
    client.flush()
    return stream


def open_windows(client: Client) -> None:
    client.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 65535})
    client.flush()


def test_a_refusal_waits_for_its_window_before_the_reset(uwsgi: Servers) -> None:
    """The client is sending still: it is told to stop by the reset (RFC 9113 section 8.1)."""
    server = uwsgi(**SCRIPTED, limit_post=1000)
    with Client(server.address, window=0) as client:
        stream = post(client, "/?id=50&do=P1", content_length="1001")
        client.wait(h2.events.ResponseReceived)
        client.response_to_a_ping()
        open_windows(client)
        status, body = client.response(stream)
        assert (status, body[-1:]) == (413, b"\n")
        assert client.wait(h2.events.StreamReset).error_code == h2.errors.ErrorCodes.NO_ERROR


def test_a_refusal_waits_for_its_window_in_a_drain(uwsgi: Servers) -> None:
    server = uwsgi(**SCRIPTED, worker_reload_mercy=30)
    with Client(server.address, window=0) as client:
        stream = client.request(f"/?{'x' * 20000}")
        client.wait(h2.events.ResponseReceived)
        server.signal(SIGHUP, server.worker_pids()[0])
        client.wait(h2.events.ConnectionTerminated, lambda event: event.last_stream_id == stream)
        open_windows(client)
        status, body = client.response(stream)
        assert (status, body[-1:]) == (414, b"\n")


def test_a_refusal_does_not_wait_longer_than_an_answer(uwsgi: Servers) -> None:
    server = uwsgi(**SCRIPTED, limit_post=1000, trio_write_timeout=2)
    with Client(server.address, window=0) as client:
        stream = post(client, "/?id=51&do=P1", content_length="1001")
        assert client.read_shut(stream) == h2.errors.ErrorCodes.INTERNAL_ERROR


@pytest.mark.parametrize(("steps", "ends"), [("P1000", True), ("p100000.P1", False)], ids=["answered", "answering"])
def test_a_client_that_sends_without_reading_is_late(server: Server, steps: str, ends: bool) -> None:
    """What comes of its request changes nothing about what it does not read, and neither does the end of it."""
    with Client(server.address, window=0) as client:
        stream = post(client, f"/?id=52&do={steps}")
        client.wait(h2.events.ResponseReceived)
        client.socket.settimeout(0.5)
        began = time.monotonic()
        client.connection.send_data(stream, b"x", end_stream=ends)
        client.flush()
        while not any(isinstance(each, h2.events.StreamReset) for each in client.events):
            assert time.monotonic() < began + 6
            try:
                client.read()
            except TimeoutError:
                if not ends:
                    client.connection.send_data(stream, b"x")
                    client.flush()


def test_a_session_whose_client_does_not_read_ends_whatever_its_connection_writes(uwsgi: Servers) -> None:
    server = uwsgi(module="attacked:app", trio_write_timeout=2)
    with Client(server.address, window=0) as client:
        session = Http2WebSocket(client, "/endless")
        began = time.monotonic()
        while not any(isinstance(each, h2.events.StreamReset) for each in client.events):
            assert time.monotonic() < began + 6
            client.response_to_a_ping()
            client.events = [each for each in client.events if not isinstance(each, h2.events.PingAckReceived)]
            time.sleep(0.1)
        assert session.status == 200
