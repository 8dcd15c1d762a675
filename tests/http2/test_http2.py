"""HTTP/2 where one side goes wrong or leaves: a stream ends alone, its connection goes on, and no drain is held up."""

import time
from signal import SIGHUP

import h2.errors
import h2.events
import h2.exceptions
import pytest
from hyperframe.frame import GoAwayFrame
from support.http2 import Http2
from support.uwsgi import Server, Servers, Shared
from support.waiting import eventually

NO_ERROR = 0
INTERNAL_ERROR = 2


def post(client: Http2, path: str, **headers: str) -> int:
    """Open a stream whose body is still to come; returns its number."""
    stream: int = client.connection.get_next_available_stream_id()
    pseudo = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "test")]
    client.connection.send_headers(stream, [*pseudo, *((key.replace("_", "-"), headers[key]) for key in headers)])
    client.flush()
    return stream


def send(client: Http2, stream: int, size: int, end: bool = False) -> None:
    """Send a piece of a body, when the server lets it come."""
    while client.connection.local_flow_control_window(stream) < size:
        if any(isinstance(each, h2.events.StreamReset) and each.stream_id == stream for each in client.events):
            raise h2.exceptions.StreamClosedError(stream)
        client.read()
    client.connection.send_data(stream, b"x" * size, end_stream=end)
    client.flush()


def reset_code(client: Http2, stream: int) -> int:
    """The error code with which the server resets a stream."""
    return int(client.wait(h2.events.StreamReset, lambda event: event.stream_id == stream).error_code)


def test_an_unfinished_response_resets_its_stream(shared_uwsgi: Shared) -> None:
    with Http2(shared_uwsgi().address).begin() as client:
        stream = client.request("/raise/late")
        reset = client.wait(h2.events.StreamReset)
        assert (reset.stream_id, reset.error_code) == (stream, INTERNAL_ERROR)
        assert client.response(client.request("/"))[0] == 200


def test_a_stream_that_its_client_reset_does_not_hold_up_a_drain(uwsgi: Servers) -> None:
    server = uwsgi(worker_reload_mercy=30)
    (pid,) = server.worker_pids()
    with Http2(server.address).begin() as client:
        stream = client.request("/sleep?seconds=20")
        server.wait_log("sleeping")
        client.connection.reset_stream(stream)
        client.flush()
        server.wait_log("cancelled")
        began = time.monotonic()
        server.signal(SIGHUP, pid)
        client.read_to_end()
    eventually(lambda: server.worker_pids() not in ([], [pid]))
    assert time.monotonic() - began < 5


def test_the_end_of_a_large_answer_leaves_before_its_connection_is_closed(uwsgi: Servers) -> None:
    """The client reads slowly, and the worker drains meanwhile."""
    server = uwsgi()
    (pid,) = server.worker_pids()
    with Http2(server.address).begin() as client:
        stream = client.request(f"/big?size={1 << 20}")
        client.wait(h2.events.ResponseReceived)
        server.signal(SIGHUP, pid)
        server.wait_log("draining")
        status, body = client.response(stream)
        assert (status, len(body)) == (200, 1 << 20)
        client.read_to_end()
        terminated = [each for each in client.events if isinstance(each, h2.events.ConnectionTerminated)]
    assert [each.error_code for each in terminated] == [0] * len(terminated)
    assert terminated


class TestBodies:
    def test_one_that_does_not_come_gets_408(self, limited: Server) -> None:
        before = limited.metrics()["timeouts"]
        with Http2(limited.address).begin() as client:
            stream = post(client, "/echo")
            assert client.response(stream)[0] == 408
            assert client.response(client.request("/early")) == (200, b"early")
        eventually(lambda: limited.metrics()["timeouts"] == before + 1)

    def test_each_stream_has_its_time(self, limited: Server) -> None:
        """One whose body comes, one whose body does not, and one whose app does not want it."""
        with Http2(limited.address).begin() as client:
            quick, late, patient = post(client, "/echo"), post(client, "/echo"), post(client, "/sleep?seconds=4")
            for _ in range(8):
                send(client, quick, 1)
                assert client.response(client.request("/sleep?seconds=0.3"))[0] == 200
            send(client, quick, 1, end=True)
            assert client.response(quick) == (200, b"x" * 9)
            assert client.response(late)[0] == 408
            assert client.response(patient) == (200, b"slept")

    def test_one_that_announces_too_much_is_refused_unseen(self, limited: Server) -> None:
        before = limited.count("swallowing")
        with Http2(limited.address).begin() as client:
            assert client.response(post(client, "/swallows", content_length="1001"))[0] == 413
            assert client.response(client.request("/early")) == (200, b"early")
        assert limited.count("swallowing") == before

    @pytest.mark.parametrize("path", ["/echo", "/swallows"])
    def test_one_that_becomes_too_large_is_refused(self, limited: Server, path: str) -> None:
        with Http2(limited.address).begin() as client:
            stream = post(client, path)
            for _ in range(11):
                send(client, stream, 100)
            assert client.response(stream)[0] == 413
            assert client.response(client.request("/early")) == (200, b"early")

    @pytest.mark.parametrize(("path", "answer"), [("/early", b"early"), ("/sleep?seconds=0.5", b"slept")])
    def test_who_goes_on_sending_behind_the_answer_is_asked_to_stop(
        self, behaving: Server, path: str, answer: bytes
    ) -> None:
        with Http2(behaving.address).begin() as client:
            stream = post(client, path)
            for _ in range(20):
                send(client, stream, 3000)
            assert client.response(stream) == (200, answer)
            with pytest.raises(h2.exceptions.StreamClosedError):
                for _ in range(100):
                    send(client, stream, 10_000)
                    client.response(client.request("/early"))
            assert reset_code(client, stream) == NO_ERROR

    @pytest.mark.parametrize(("sizes", "what"), [("3,4", "longer"), ("2,1", "shorter")])
    def test_an_odd_response_resets_its_stream(self, behaving: Server, sizes: str, what: str) -> None:
        message = f"the body is 2 bytes {what} than its Content-Length"
        before = behaving.count(message)
        with Http2(behaving.address).begin() as client:
            stream = client.request(f"/length?announced=5&sizes={sizes}")
            assert reset_code(client, stream) == INTERNAL_ERROR
            assert client.response(client.request("/early")) == (200, b"early")
        behaving.wait_log(message, before + 1)

    def test_an_odd_response_of_which_nothing_has_left_is_a_500(self, behaving: Server) -> None:
        with Http2(behaving.address).begin() as client:
            assert client.response(client.request("/length?announced=5&sizes=4"))[0] == 500

    @pytest.mark.parametrize("size", [1, 1000, 16384])
    def test_one_that_its_app_does_not_take_holds_up_no_other(self, uwsgi: Servers, size: int) -> None:
        """Its own window closes, and opens again when the app goes on."""
        server = uwsgi(module="http1_behaviour:app")
        with Http2(server.address).begin() as client:
            slow, count = post(client, "/slow"), min(200, 65535 // size)
            for _ in range(count):
                send(client, slow, size)
            server.wait_log("took one")
            stream = post(client, "/echo")
            for _ in range(20):
                send(client, stream, 16384)
            send(client, stream, 1, end=True)
            assert client.response(stream) == (200, b"x" * (20 * 16384 + 1))
            client.response(client.request("/go"))
            for _ in range(20):
                send(client, slow, 16384)
            send(client, slow, 1, end=True)
            assert client.response(slow) == (200, b"%d" % (size * count + 20 * 16384 + 1))

    def test_a_hang_up_is_seen_while_a_body_waits(self, behaving: Server) -> None:
        started, cancelled = behaving.count("sleeping"), behaving.count("sleep cancelled")
        with Http2(behaving.address).begin() as client:
            stream = post(client, "/sleep?seconds=60")
            for _ in range(100):
                client.connection.send_data(stream, b"x")
            client.flush()
            behaving.wait_log("sleeping", started + 1)
        behaving.wait_log("sleep cancelled", cancelled + 1, 0.5)


class TestClientLeaves:
    def leave(self, client: Http2) -> None:
        client.socket.sendall(GoAwayFrame(0, last_stream_id=0, error_code=0).serialize())

    def test_open_streams_finish(self, behaving: Server) -> None:
        started = behaving.count("sleeping")
        with Http2(behaving.address).begin() as client:
            slow, upload = client.request("/sleep?seconds=1"), post(client, "/echo")
            behaving.wait_log("sleeping", started + 1)
            self.leave(client)
            send(client, upload, 5, end=True)
            assert client.response(upload) == (200, b"xxxxx")
            assert client.response(slow) == (200, b"slept")
            client.read_to_end()

    def test_a_connection_without_streams_is_closed(self, behaving: Server) -> None:
        with Http2(behaving.address).begin() as client:
            assert client.response(client.request("/early")) == (200, b"early")
            self.leave(client)
            client.read_to_end()


@pytest.mark.parametrize("path", ["/\xff", "relative", "*", "?query"])
def test_a_path_that_is_none_ends_its_stream_only(shared_uwsgi: Shared, path: str) -> None:
    with Http2(shared_uwsgi().address).begin() as client:
        slow = client.request("/sleep?seconds=0.5")
        assert reset_code(client, client.request(path)) == h2.errors.ErrorCodes.PROTOCOL_ERROR
        assert client.response(slow)[0] == 200
