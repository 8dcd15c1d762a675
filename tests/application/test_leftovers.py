"""What an app leaves open in its task is named in the log, and ends with its request: no other request runs in it."""

import contextlib
import re
import signal
from collections.abc import Callable
from pathlib import Path

import h2.events
import pytest
from support.http1 import Http1, connect
from support.http2 import Http2, Http2WebSocket
from support.packets import ask
from support.packets import request as packet
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

APP = Path(__file__).parents[1] / "apps" / "leftovers.py"

LEAVING = {
    "leaves_nursery": "nursery",
    "leaves_nursery_later": "nursery",
    "leaves_scope": "cancel scope",
    "leaves_deadline": "cancel scope",
    "leaves_cancelled": "cancel scope",
    "leaves_generator_with_scope": "cancel scope",
    "keeps_generator_with_scope": "cancel scope",
    "leaves_generator_with_nursery": "nursery",
    "keeps_generator_with_nursery": "nursery",
}
FAILING = {"raises_in_nursery": "nursery", "raises_in_scope": "cancel scope", "cancels_itself": "cancel scope"}


def over_http1(server: Server, path: str) -> int:
    with Http1(server.address) as client:
        return client.get(path).status


def over_http2(server: Server, path: str) -> int:
    with Http2(server.address).begin() as client:
        return client.response(client.request(path))[0]


def over_packets(server: Server, path: str) -> int:
    return ask(server.address, packet(path)).status


# A scope that was opened in the app's task, and closed in one below; what the client gets.
ADRIFT = {"closes_scope_below": 500, "closes_scope_below_and_answers": 200}

PROTOCOLS = {"http1": over_http1, "http2": over_http2, "packet": over_packets}
EACH = pytest.mark.parametrize("send", PROTOCOLS.values(), ids=PROTOCOLS)


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="leftovers:app")


def others_are_served(server: Server) -> None:
    """Ask what waits for longer than any scope lasts that is left: as many as may run in the tasks that had them."""
    with Http2(server.address).begin() as client, Http1(server.address) as other:
        other.request("/sleep?seconds=0.5")
        streams = [client.request("/sleep?seconds=0.5") for _ in range(3)]
        assert [client.response(stream) for stream in streams] == [(200, b"slept")] * 3
        assert other.response().text == "slept"
    assert ask(server.address, packet("/sleep", QUERY_STRING="seconds=0.5")).status == 200


def told(name: str, left: str) -> str:
    return rf"^\[worker 1\] ERROR.*{name} has left a {left} open"


@EACH
@pytest.mark.parametrize(("name", "left"), LEAVING.items(), ids=LEAVING)
def test_it_is_said_and_ends(server: Server, send: Callable[[Server, str], int], name: str, left: str) -> None:
    pids, records = server.worker_pids(), server.count(told(f"/{name}", left))
    assert send(server, f"/{name}") == 200
    server.wait_log(told(f"/{name}", left), count=records + 1)
    others_are_served(server)
    assert server.count(told(f"/{name}", left)) == records + 1
    assert server.worker_pids() == pids


@EACH
@pytest.mark.parametrize(("name", "left"), FAILING.items(), ids=FAILING)
def test_an_app_that_fails_in_it(server: Server, send: Callable[[Server, str], int], name: str, left: str) -> None:
    pids, records = server.worker_pids(), server.count(told(f"/{name}", left))
    raised = server.count(f"exception in GET /{name}")
    assert send(server, f"/{name}") == 500
    server.wait_log(told(f"/{name}", left), count=records + 1)
    server.wait_log(f"exception in GET /{name}", count=raised + 1)
    others_are_served(server)
    assert server.worker_pids() == pids


@EACH
@pytest.mark.parametrize(("name", "status"), ADRIFT.items(), ids=ADRIFT)
def test_a_task_that_is_adrift(server: Server, send: Callable[[Server, str], int], name: str, status: int) -> None:
    """Trio's tree has lost the task of the app: its client is answered, and nobody else notices."""
    record = told(f"/{name}", "cancel scope")
    pids, records = server.worker_pids(), server.count(record)
    assert send(server, f"/{name}") == status
    server.wait_log(record, count=records + 1)
    others_are_served(server)
    assert server.worker_pids() == pids


def test_a_task_that_is_adrift_amid_its_answer(server: Server) -> None:
    pids = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/closes_scope_below_amid")
        assert client.head().status == 200
        assert client.rest() == b"le"
    with Http2(server.address).begin() as client:
        stream = client.request("/closes_scope_below_amid")
        assert client.wait(h2.events.StreamReset).stream_id == stream
    others_are_served(server)
    assert server.worker_pids() == pids


@EACH
@pytest.mark.parametrize("name", ["raises_kept_cancellation", "raises_kept_cancellation_among_others"])
def test_a_cancellation_that_is_not_its_own(server: Server, send: Callable[[Server, str], int], name: str) -> None:
    """It would go through every scope there is, and end all that the worker serves."""
    pids, raised = server.worker_pids(), server.count(f"exception in GET /{name}$")
    assert send(server, f"/{name}") == 500
    server.wait_log(f"exception in GET /{name}$", count=raised + 1)
    others_are_served(server)
    assert server.worker_pids() == pids


def test_a_session_with_a_cancellation_that_is_not_its_own(server: Server) -> None:
    path = "/session-cancellation"
    with connect_websocket(f"ws://test{path}", sock=connect(server.address)) as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
    server.wait_log(f"exception in WebSocket {path}")
    with Http2(server.address).begin() as http2:
        Http2WebSocket(http2, path)
        server.wait_log(f"exception in WebSocket {path}", count=2)
    others_are_served(server)


def test_a_connection_goes_on(server: Server) -> None:
    """Kept, and with the next request sent along."""
    with Http1(server.address) as client:
        for name in LEAVING:
            client.send(b"GET /%b HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n" % name.encode())
            assert client.response().text == "left"
            assert client.response().text == "hello"


def test_a_client_that_goes(server: Server) -> None:
    records, waiting = server.count(told("/waits_in_nursery", "nursery")), server.count("waits in its nursery")
    with Http1(server.address) as client:
        client.request("/waits_in_nursery")
        server.wait_log("waits in its nursery", count=waiting + 1)
    server.wait_log(told("/waits_in_nursery", "nursery"), count=records + 1)
    others_are_served(server)


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/session-nursery", "nursery"),
        ("/session-scope", "cancel scope"),
        ("/session-scope-below", "cancel scope"),
    ],
)
def test_a_session(server: Server, path: str, left: str) -> None:
    records = server.count(told(f"WebSocket {path}", left))
    with connect_websocket(f"ws://test{path}", sock=connect(server.address)) as client, pytest.raises(ConnectionClosed):
        client.recv(timeout=5)
    server.wait_log(told(f"WebSocket {path}", left), count=records + 1)
    with Http2(server.address).begin() as http2:
        Http2WebSocket(http2, path)
        server.wait_log(told(f"WebSocket {path}", left), count=records + 2)
    others_are_served(server)


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM], ids=["drain", "destroy"])
def test_the_worker_leaves(uwsgi: Servers, how: signal.Signals) -> None:
    """As one that was left with nothing; the tasks that were left with nurseries are its own."""
    server = uwsgi(module="leftovers:app")
    [pid] = server.worker_pids()
    for name in [*LEAVING, *FAILING, *ADRIFT]:
        for send in PROTOCOLS.values():
            send(server, f"/{name}")
    server.signal(how, pid)
    server.wait_accepting(2)
    eventually(lambda: server.worker_pids() != [pid], why=lambda: server.log)
    assert not server.count("Nursery stack corrupted|killing worker|still running at the end")


@EACH
@pytest.mark.parametrize(
    ("name", "status", "waiting"), [("closes_others_scope", 500, 200), ("cancels_others_scope", 200, 500)]
)
def test_the_scope_of_another_request(
    server: Server, send: Callable[[Server, str], int], name: str, status: int, waiting: int
) -> None:
    """Only who is in it hears of its cancellation; and nobody leaves it in another's place."""
    pids, before = server.worker_pids(), server.count("waits in its scope")
    with Http1(server.address) as client:
        client.request("/opens_scope_and_waits")
        server.wait_log("waits in its scope", count=before + 1)
        assert send(server, f"/{name}") == status
        assert client.response().status == waiting
    others_are_served(server)
    assert server.worker_pids() == pids


@EACH
def test_the_tasks_of_a_nursery_are_named(server: Server, send: Callable[[Server, str], int]) -> None:
    line = APP.read_text().partition("  # The log names this line.")[0].count("\n") + 1
    each = re.escape(f"leftovers._waits at {APP}:{line}")
    record = told("/leaves_tasks", "nursery") + rf"; its tasks are cancelled: 5 \({each}, {each}, {each}, \.\.\.\)$"
    before = server.count(record)
    assert send(server, "/leaves_tasks") == 200
    server.wait_log(record, count=before + 1)


@EACH
def test_a_generator_of_another_request(server: Server, send: Callable[[Server, str], int]) -> None:
    """Trio gives each step the nursery of the first one's task: the first has left it, and the last ends it."""
    pids = server.worker_pids()
    assert [send(server, "/goes_on_with_a_generator") for _ in range(6)] == [200, 200, 500] * 2
    others_are_served(server)
    assert server.worker_pids() == pids


CANCELLED = "an app has cancelled a nursery of the worker's own; the worker is replaced"


@EACH
def test_an_app_that_cancels_all_beside_it(uwsgi: Servers, send: Callable[[Server, str], int]) -> None:
    """It has found the nursery of all connections: nobody is served any more, so another worker comes."""
    server = uwsgi(module="leftovers:app")
    [pid] = server.worker_pids()
    with contextlib.suppress(OSError, ValueError):
        send(server, "/cancels_those_beside_it")
    server.wait_log(CANCELLED)
    server.wait_accepting(2)
    assert server.worker_pids() != [pid]
    others_are_served(server)


@EACH
def test_a_task_that_fails_beside_the_connections(uwsgi: Servers, send: Callable[[Server, str], int]) -> None:
    """Trio cancels all that is in the nursery; the log says why, the app is shut down, and another worker comes."""
    server = uwsgi(module="leftovers:app")
    [pid] = server.worker_pids()
    assert send(server, "/fails_beside_it") == 200
    server.wait_accepting(2)
    assert server.count(r"^\[worker 1\] CRITICAL .*has failed; the worker is replaced$") == 1
    assert server.count("ValueError: beside the connections") == server.count(f"probe {pid}: shutdown") == 1
    assert not server.count("DAMN")
    others_are_served(server)


@pytest.mark.parametrize("name", ["lifespan_adrift", "lifespan_in_a_nursery"])
def test_a_lifespan_in_disorder(uwsgi: Servers, name: str) -> None:
    """It is a crashed one: what runs is served to its end, and another worker comes."""
    server = uwsgi(module=f"leftovers:{name}")
    [pid] = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/sleep?seconds=1.5")
        server.wait_log("the app's lifespan crashed; the worker is replaced")
        assert client.response().text == "slept"
    server.wait_accepting(2)
    eventually(lambda: server.worker_pids() != [pid])


@pytest.mark.parametrize(("name", "left"), [("leaves_nursery", "nursery"), ("leaves_deadline", "cancel scope")])
def test_the_other_engine(uwsgi: Servers, name: str, left: str) -> None:
    server = uwsgi(module="leftovers:app", trio_engine="hypercorn")
    pids = server.worker_pids()
    for count in (1, 2):
        with Http1(server.address) as client:
            assert client.get(f"/{name}").text == "left"
        server.wait_log(told(f"/{name}", left), count=count)
    assert over_http1(server, "/sleep?seconds=0.5") == 200
    assert server.worker_pids() == pids


def test_a_task_of_the_other_engine_that_is_adrift(uwsgi: Servers) -> None:
    """Its connection may end with it."""
    server = uwsgi(module="leftovers:app", trio_engine="hypercorn")
    pids = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/closes_scope_below")
        assert client.rest()[:12] in (b"HTTP/1.1 500", b"")
    server.wait_log(told("/closes_scope_below", "cancel scope"))
    assert over_http1(server, "/sleep?seconds=0.5") == 200
    assert server.worker_pids() == pids
