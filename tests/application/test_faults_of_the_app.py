"""Whatever class of exception an app raises, at whatever point of the conversation: only that request ends.

Trio's own cancellation is the one BaseException that has to go through the fence; every other ends there, with a
defined answer and one record in the log, and the worker goes on.
"""

from collections.abc import Iterator

import h2.events
import pytest
from support.http1 import Http1, connect
from support.http2 import Http2
from support.packets import ask
from support.packets import request as packet
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_websocket

RECORD = r"^\[worker 1\] ERROR.*exception in "

# Those of the app `faulty`.
FAULTS = [
    "cancelled",
    "generator",
    "keyboard",
    "own",
    "group",
    "unspeakable",
    "stop",
    "stop-async",
    "exit",
    "recursion",
]
EACH = pytest.mark.parametrize("fault", [*FAULTS, "memory", "trio", "groups"])


@pytest.fixture(scope="module")
def shared(module_uwsgi: Servers) -> Server:
    # With every record of exceptions that an ini can ask for, as each reads the exception's text.
    return module_uwsgi(module="faulty:app", reload_on_exception_value="never")


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """A worker that must be the same one afterwards, with one record more and nothing left of the request."""
    pids, records = shared.worker_pids(), shared.count(RECORD)
    yield shared
    shared.wait_log(RECORD, count=records + 1)
    with Http1(shared.address) as client:
        assert client.get("/").text == "halfhalf"
    eventually(lambda: shared.metrics()["worker.1.connections"] == 0, why=lambda: shared.log)
    assert shared.worker_pids() == pids
    assert shared.count(r"^\[worker 1\] ERROR") == records + 1


@EACH
def test_before_the_response(server: Server, fault: str) -> None:
    with Http1(server.address) as client:
        assert client.get(f"/first?{fault}").status == 500


@EACH
def test_behind_the_head(server: Server, fault: str) -> None:
    """Nothing of the response has left yet, and so the client gets a whole one."""
    with Http1(server.address) as client:
        assert client.get(f"/head?{fault}").status == 500


@EACH
def test_amid_the_response(server: Server, fault: str) -> None:
    """The connection ends, for the client must see that it has not all of it (RFC 9112 section 8)."""
    with Http1(server.address) as client:
        client.request(f"/half?{fault}")
        assert client.head().status == 200
        assert client.rest() == b"half"


@EACH
def test_behind_the_response(server: Server, fault: str) -> None:
    with Http1(server.address) as client:
        assert client.get(f"/whole?{fault}").text == "halfhalf"


@EACH
def test_a_stream_of_http2(server: Server, fault: str) -> None:
    with Http2(server.address).begin() as client:
        assert client.response(client.request(f"/first?{fault}"))[0] == 500
        assert client.response(client.request("/")) == (200, b"halfhalf")


@EACH
def test_amid_a_response_of_http2(server: Server, fault: str) -> None:
    with Http2(server.address).begin() as client:
        stream = client.request(f"/half?{fault}")
        client.wait(h2.events.StreamReset, lambda event: event.stream_id == stream)
        assert client.response(client.request("/")) == (200, b"halfhalf")


@EACH
def test_a_packet(server: Server, fault: str) -> None:
    assert ask(server.address, packet(f"/first?{fault}")).status == 500


@EACH
def test_a_handshake(server: Server, fault: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect_websocket(f"ws://test/first?{fault}", sock=connect(server.address))
    assert refused.value.response.status_code == 500


@EACH
def test_a_session(server: Server, fault: str) -> None:
    with connect_websocket(f"ws://test/half?{fault}", sock=connect(server.address)) as client:
        client.send("now")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


def test_a_lifespan_that_its_library_cancels_is_a_failed_startup(uwsgi: Servers) -> None:
    server = uwsgi(module="faulty:lifespan_fails", ready=False)
    server.wait_log("lifespan startup failed: CancelledError")
