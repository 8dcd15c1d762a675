"""HTTP/2 where one stream goes wrong: the stream ends, the connection goes on, and a drain is not held up by it."""

import time
from signal import SIGHUP

import h2.events
import pytest
from support.http2 import Http2
from support.uwsgi import Servers
from support.waiting import eventually

pytestmark = pytest.mark.engines("express")

INTERNAL_ERROR = 2


def test_an_unfinished_response_resets_its_stream(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http2(server.address).begin() as client:
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
