"""The metrics say what the clients have counted, also after reloads and after a worker was killed."""

import random
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1, connect
from support.load import Ask, Tally, run, work
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket

PROCESSES = 4
CLIENTS = 10
EACH = 1000

ASKS = [
    Ask("/"),
    Ask("/echo", b"x" * 1000),
    Ask("/big?size=5000"),
    Ask("/status?code=404", status=404),
    Ask("/status?code=301", status=301),
    Ask("/status?code=503", status=503),
    Ask("/stream?count=3&size=10"),
]


def asks(seed: int) -> list[Ask]:
    return random.Random(seed).choices(ASKS, k=EACH // 2)


def settled(server: Server, requests: int) -> dict[str, int]:
    """The metrics when all of the requests are in them and no connection is left."""

    def look() -> dict[str, int] | None:
        found = server.metrics()
        busy = any(found[f"worker.{number}.connections"] for number in range(1, PROCESSES + 1))
        return found if found["requests"] >= requests and not busy else None

    return eventually(look, why=lambda: str(server.metrics()))


@pytest.mark.long
def test_ten_thousand_requests_are_counted_exactly(uwsgi: Servers) -> None:
    server = uwsgi(processes=PROCESSES, disable_logging=True, trio_metrics_interval=0.2)
    tally = Tally()
    for half in range(2):
        run([partial(work, server.address, iter(asks(seed)), tally) for seed in range(CLIENTS)])
        if not half:
            server.fifo("w")
            server.wait_accepting(2 * PROCESSES)
    found = settled(server, tally.requests)
    assert tally.failures == []
    assert tally.requests == CLIENTS * EACH == found["requests"]
    for hundreds in range(1, 6):
        counted = sum(count for status, count in tally.statuses.items() if status // 100 == hundreds)
        assert found[f"responses.{hundreds}xx"] == counted
    assert found["bytes.in"] == tally.bytes_in
    assert found["bytes.out"] == tally.bytes_out
    assert found["connections"] == tally.connections
    assert found["request_time.le.5s"] == tally.requests
    assert found["exceptions"] == found["disconnects"] == found["timeouts"] == 0


@pytest.fixture
def one(uwsgi: Servers) -> Server:
    return uwsgi(trio_metrics_interval=0.1)


def wait_metrics(server: Server, **expected: Any) -> None:
    """Wait until the metrics show these values; an underscore stands for a dot."""
    names = {name.replace("__", "."): value for name, value in expected.items()}
    eventually(
        lambda: all(server.metrics()[name] == value for name, value in names.items()),
        why=lambda: str({name: server.metrics()[name] for name in names}),
    )


def test_a_killed_worker_loses_only_what_it_had_in_flight(one: Server) -> None:
    with Http1(one.address) as client:
        for _ in range(5):
            client.get()
    wait_metrics(one, requests=5, worker__1__connections=0)
    clients = [Http1(one.address) for _ in range(3)]
    for client in clients:
        client.request("/sleep?seconds=30")
    wait_metrics(one, worker__1__in_flight=3, worker__1__connections=3)
    one.signal(signal.SIGKILL, one.worker_pids()[0])
    one.wait_accepting(2)
    wait_metrics(one, requests=5, worker__1__in_flight=0, worker__1__connections=0)
    for client in clients:
        client.close()
    with Http1(one.address) as client:
        client.get()
        wait_metrics(one, requests=6, responses__2xx=6, worker__1__connections=1)


def test_exceptions_and_disconnects(one: Server) -> None:
    with Http1(one.address) as client:
        assert client.get("/raise").status == 500
    with Http1(one.address) as client:
        client.request("/sleep?seconds=30")
        one.wait_log("sleeping")
    one.wait_log("sleep cancelled")
    wait_metrics(one, exceptions=1, disconnects=1, responses__5xx=1, requests=2)


def test_websocket_sessions_and_messages(one: Server) -> None:
    with connect_websocket("ws://test/ws", sock=connect(one.address)) as client:
        for text in ("one", "three"):
            client.send(text)
            assert client.recv() == text
    wait_metrics(one, websocket__sessions=1, websocket__messages__in=2, websocket__messages__out=2)
    wait_metrics(one, bytes__in=8, bytes__out=8)


def test_the_histogram_is_cumulative(one: Server) -> None:
    with Http1(one.address) as client:
        client.get("/sleep?seconds=0.3")
        client.get("/")
    wait_metrics(one, **{"request_time__le__5s": 2, "request_time__le__500ms": 2, "request_time__le__250ms": 1})
    assert 300_000 <= one.metrics()["request_time.us"] < 600_000


def test_undeclared_metrics_are_one_warning(uwsgi: Servers) -> None:
    server = uwsgi(ini=None)
    server.wait_log("WARNING .*these metrics are not declared")
    with Http1(server.address) as client:
        assert client.get().text == "hello"
    server.end()
    assert server.count("these metrics are not declared") == 1


def test_the_command_declares_as_many_gauges_as_there_are_workers(uwsgi: Servers) -> None:
    command = Path(sys.executable).parent / "trio-worker"
    # The metrics are there before any of the workers, which `cheap` forks at the first connection.
    server = uwsgi(ini=f"exec://{command} metrics", processes=34, cheap=True, ready=False)
    gauges = [name for name in server.metrics() if name.endswith(".in_flight")]
    assert sorted(gauges) == sorted(f"worker.{number}.in_flight" for number in range(1, 35))


def test_how_often_they_are_handed_over_is_an_option(uwsgi: Servers) -> None:
    """Each wait begins right after the last flush, so with the usual second five of them take five seconds."""
    server = uwsgi(trio_metrics_interval=0.05)
    began = time.monotonic()
    for number in range(5):
        with Http1(server.address) as client:
            assert client.get("/").status == 200
        eventually(partial(has_counted, server, number + 1))
    assert time.monotonic() - began < 3


def has_counted(server: Server, requests: int) -> bool:
    return server.metrics()["requests"] >= requests
