"""What becomes of every kind of connection when its worker drains."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGHUP
from typing import Any

import h2.events
import psutil
import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1, Response, connect
from support.http2 import Http2, Http2WebSocket
from support.https import Https
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket
from wsproto.events import CloseConnection

# Seconds that the requests in flight take, longer than the linger.
WORK = 1.5
LINGER = 1.0


@dataclass
class Drain:
    """One worker's drain with a client of every kind, and what each saw of it."""

    answers: dict[str, Response] = field(default_factory=dict)
    rests: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    replaced_after: float = 0.0


@pytest.fixture(scope="module")
def drain(module_uwsgi: Servers) -> Iterator[Drain]:
    server = module_uwsgi(worker_reload_mercy=8)
    with ExitStack() as clients:
        yield _drain(server, clients)


def _drain(server: Server, clients: ExitStack) -> Drain:
    found = Drain()
    kept = {name: clients.enter_context(Http1(server.address)) for name in ("idle", "late")}
    for each in kept.values():
        assert "connection" not in each.get().headers
    kept |= {name: clients.enter_context(Http1(server.address)) for name in ("busy", "half", "upload", "events")}
    kept["busy"].request(f"/sleep?seconds={WORK}")
    kept["half"].send(b"GET /pid HTTP/1.1\r\nHost: te")
    kept["upload"].send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
    kept["events"].request("/events")
    assert kept["events"].head().headers["content-type"] == "text/event-stream"
    websocket = clients.enter_context(connect_websocket("ws://test/ws", sock=connect(server.address)))
    http2 = clients.enter_context(Http2(server.address).begin())
    session = Http2WebSocket(http2, "/ws")
    stream = http2.request(f"/sleep?seconds={WORK}")
    server.wait_log("sleeping", count=2)

    (pid,) = server.worker_pids()
    server.signal(SIGHUP, pid)
    began = time.monotonic()
    server.wait_log("draining")
    http2.wait(h2.events.ConnectionTerminated)
    kept["late"].request("/pid")
    kept["half"].send(b"st\r\n\r\n")
    kept["upload"].send(b"67890")
    for name in ("late", "half", "upload", "busy"):
        found.answers[name] = kept[name].response()
    found.seen["events"] = list(iter(kept["events"].chunk, b""))
    found.seen["websocket"] = _close_code(websocket)
    found.seen["http2 websocket"] = session.receive()
    found.seen["stream"] = http2.response(stream)
    for name, each in kept.items():
        found.rests[name] = each.rest()
        each.close()  # Until then the worker waits for what we may still have to say.
    http2.read_to_end()
    http2.socket.close()
    eventually(lambda: server.worker_pids() not in ([], [pid]))
    found.replaced_after = time.monotonic() - began
    found.seen["shutdown"] = server.count(rf"probe {pid}: shutdown")
    return found


def _close_code(websocket: Any) -> int | None:
    try:
        websocket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    return None


@pytest.mark.parametrize("name", ["busy", "late", "half", "upload"])
def test_a_request_is_answered_and_the_connection_closed(drain: Drain, name: str) -> None:
    """One in flight, one on its way on a kept connection, one whose head or body has come by half."""
    answer = drain.answers[name]
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert drain.rests[name] == b""


def test_the_answers_are_whole(drain: Drain) -> None:
    assert drain.answers["busy"].text == "slept"
    assert drain.answers["upload"].text == "1234567890"
    assert drain.answers["late"].text == drain.answers["half"].text


def test_an_idle_connection_is_closed(drain: Drain) -> None:
    assert drain.rests["idle"] == b""


def test_server_sent_events_end_by_the_draining_event(drain: Drain) -> None:
    assert drain.seen["events"][0] == b"data: tick\n\n"
    assert drain.seen["events"][-1] == b"event: restart\ndata:\n\n"


def test_a_websocket_is_closed_with_1012(drain: Drain) -> None:
    assert drain.seen["websocket"] == 1012


def test_a_websocket_over_http2_is_closed_with_1012(drain: Drain) -> None:
    close = drain.seen["http2 websocket"]
    assert isinstance(close, CloseConnection)
    assert close.code == 1012


def test_an_http2_stream_finishes(drain: Drain) -> None:
    assert drain.seen["stream"] == (200, b"slept")


def test_the_worker_ends_with_its_last_connection(drain: Drain) -> None:
    # The master looks once a second.
    assert WORK - 0.1 < drain.replaced_after < WORK + 2
    assert drain.seen["shutdown"] == 1


def test_a_new_http2_stream_is_served_while_it_lingers(uwsgi: Servers) -> None:
    server = uwsgi()
    (pid,) = server.worker_pids()
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/"))[0] == 200
        server.signal(SIGHUP, pid)
        client.wait(h2.events.ConnectionTerminated)
        stream = client.request("/pid")  # Its client has not seen the GOAWAY yet.
        assert client.response(stream) == (200, str(pid).encode())
        client.read_to_end()


@pytest.mark.parametrize("over", ["clear text", "TLS"])
def test_a_fresh_connection_is_answered_after_the_linger(uwsgi: Servers, tmp_path: Path, over: str) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.serve("localhost")
    server = uwsgi(trio_drain_linger=0.2, trio_certfile=certificate, trio_keyfile=key, trio_clear_text=True)
    (pid,) = server.worker_pids()
    descriptors = psutil.Process(pid).num_fds()
    tls = connect_tls(server.address, authority.client_context()) if over == "TLS" else None
    # uWSGI's TCP sockets hand over a connection that says nothing after eight seconds only (TCP_DEFER_ACCEPT).
    with Https(tls) if tls is not None else Http1(server.unix_path) as client:
        eventually(lambda: psutil.Process(pid).num_fds() > descriptors)
        server.fifo("r")
        server.wait_log("draining")
        time.sleep(0.7)  # Longer than the linger.
        answer = client.get("/pid")
        assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_the_linger_is_an_option(uwsgi: Servers) -> None:
    server = uwsgi(trio_drain_linger=0.2)
    (pid,) = server.worker_pids()
    with Http1(server.address) as client:
        client.get()
        began = time.monotonic()
        server.signal(SIGHUP, pid)
        assert client.rest() == b""
        assert 0.1 < time.monotonic() - began < LINGER


def test_what_does_not_end_is_cancelled_within_the_mercy(uwsgi: Servers) -> None:
    """A stream that ignores the event, a client that never reads, a request that would take for ever."""
    server = uwsgi(worker_reload_mercy=4)
    (pid,) = server.worker_pids()
    with ExitStack() as clients:
        endless, deaf, slow = (clients.enter_context(Http1(server.address)) for _ in range(3))
        deaf.request("/stream?size=1000000")
        slow.request("/sleep?seconds=60")
        endless.request("/stream?pause=0.05")
        endless.head()
        server.wait_log("sleeping")
        began = time.monotonic()
        server.signal(SIGHUP, pid)
        assert slow.response().status == 503
        assert time.monotonic() - began > 2.5
        eventually(lambda: server.worker_pids() not in ([], [pid]))
    assert server.count(rf"probe {pid}: shutdown") == 1
    assert "NO MERCY" not in server.log


def test_the_log_names_what_holds_a_drain(uwsgi: Servers) -> None:
    server = uwsgi()
    (pid,) = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/stream?pause=0.05&secret=1")
        client.head()
        server.signal(SIGHUP, pid)
        line = server.wait_log("the drain waits for .*")
    assert line.startswith("the drain waits for 1 requests on 1 connections, at most ")
    assert "GET /stream of 127.0.0.1:" in line
    assert "secret" not in line


def test_development_does_not_wait_for_a_stream(uwsgi: Servers) -> None:
    """With py-autoreload a worker has two seconds, whatever the mercy is."""
    server = uwsgi(py_autoreload=1, lazy_apps=True, worker_reload_mercy=30)
    (pid,) = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/stream?pause=0.05")
        client.head()
        began = time.monotonic()
        server.signal(SIGHUP, pid)
        eventually(lambda: server.worker_pids() not in ([], [pid]))
        assert time.monotonic() - began < 5
