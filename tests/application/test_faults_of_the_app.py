"""Whatever class of exception an app raises, at whatever point of the conversation, in every protocol: that one ends.

Trio's own cancellation is the one BaseException that has to go through the fence; every other ends there, with a
defined answer and one record in the log. Who has a session or a stream beside it does not notice.
"""

import re
from collections.abc import Iterator

import pytest
from support.certificates import Authority
from support.http1 import Http1, connect
from support.http2 import Http2
from support.one_rule import PROTOCOLS, Secure, verdict_of
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket

RECORD = r"^\[worker 1\] ERROR.*exception in "

# Those of the app `faulty`.
FAULTS = [
    *("cancelled", "generator", "keyboard", "own", "group", "groups", "deep", "unspeakable", "unprintable"),
    *("stop", "stop-async", "exit", "recursion", "memory", "trio"),
]

# What the client gets for a fault at each point: of a request, whose body is announced, and of a session.
REQUEST = {"first": "500", "head": "500", "half": "cut", "whole": "200"}
SESSION = {"first": "500", "denied": "500", "accepted": "1011", "closed": "1000"}
EACH = [
    pytest.param(protocol, point, verdict, id=f"{point}-{protocol}")
    for protocol, told in PROTOCOLS.items()
    for point, verdict in (SESSION if told.opened else REQUEST).items()
]


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Secure:
    return Secure(authority)


@pytest.fixture(scope="module")
def shared(module_uwsgi: Servers, secure: Secure) -> Iterator[Server]:
    """A worker that is the same one afterwards, with a session and a stream that nothing has happened to."""
    # With every record of exceptions that an ini can ask for, as each reads the exception's text.
    server = module_uwsgi(module="faulty:app", reload_on_exception_value="never", https_socket=secure.option)
    pids = server.worker_pids()
    with (
        connect_websocket("ws://test/waits", sock=connect(server.address)) as session,
        Http2(server.address).begin() as client,
    ):
        stream = client.request("/waits")
        eventually(lambda: server.metrics()["worker.1.in_flight"] >= 1)
        yield server
        session.send("go on")
        assert session.recv(timeout=5) == "went on"
        assert client.response(stream) == (200, b"halfhalf")
    assert server.worker_pids() == pids


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("protocol", "point", "verdict"), EACH)
def test_it_ends_there(shared: Server, secure: Secure, protocol: str, point: str, verdict: str, fault: str) -> None:
    before = len(shared.log)
    assert verdict_of(shared, secure, protocol, f"/{point}?{fault}") == verdict, shared.log[before:]
    eventually(lambda: re.search(RECORD, shared.log[before:], re.MULTILINE), why=lambda: shared.log[before:])
    with Http1(shared.address) as client:
        assert client.get("/").text == "halfhalf"
    assert len(re.findall(r"^\[worker 1\] ERROR|Logging error", shared.log[before:], re.MULTILINE)) == 1, shared.log[
        before:
    ]


def test_nothing_of_them_is_left(shared: Server) -> None:
    """But the session and the stream."""
    eventually(lambda: shared.metrics()["worker.1.connections"] == 2, why=lambda: shared.log)


def test_a_lifespan_that_its_library_cancels_is_a_failed_startup(uwsgi: Servers) -> None:
    server = uwsgi(module="faulty:lifespan_fails", ready=False)
    server.wait_log("lifespan startup failed: CancelledError")
