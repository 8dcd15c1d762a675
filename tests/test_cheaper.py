"""`cheaper`, `idle` and `cheap`: the master decides how many workers there are by what the plugin tells of them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as websocket

pytestmark = pytest.mark.engines("express")


@pytest.fixture
def start(uwsgi: Servers, plugin: Path) -> Callable[..., Server]:
    """Starts a uWSGI of one to four workers."""

    def start(**options: Any) -> Server:
        given = {"processes": 4, "cheaper": 1, "cheaper-overload": 1, "plugin": plugin, **options}
        server = uwsgi(module="limits:app", ready=False, **given)
        server.wait_accepting(1)
        return server

    return start


def up(server: Server) -> list[int]:
    """The workers that are not cheaped."""
    return [each["id"] for each in server.stats()["workers"] if each["pid"] and each["status"] != "cheap"]


@contextmanager
def load(server: Server, clients: int = 12, path: str = "/sleep?seconds=0.3", pause: float = 0) -> Iterator[None]:
    """Clients that ask again and again, half of them on one connection each; none may be refused or cut off."""
    over, failures = threading.Event(), list[BaseException]()

    def ask(keep_alive: bool) -> None:
        client = Http1(server.address)
        try:
            while not over.is_set():
                response = client.get(path)
                assert response.status == 200
                over.wait(pause)
                if not keep_alive or response.headers["connection"] == "close":
                    client.close()
                    client = Http1(server.address)
        except Exception as error:
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=ask, args=[number % 2 == 0]) for number in range(clients)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in threads:
            each.join()
    assert not failures, failures


@pytest.mark.parametrize("algorithm", ["spare", "busyness"])
def test_load_brings_workers_up_and_rest_takes_them_down(start: Callable[..., Server], algorithm: str) -> None:
    busyness = {"cheaper-busyness-multiplier": 1, "cheaper-busyness-penalty": 1} if algorithm == "busyness" else {}
    server = start(cheaper_algo=algorithm, **busyness)
    assert up(server) == [1]
    with load(server):
        eventually(lambda: len(up(server)) == 4, 20, lambda: server.log)
    with load(server, 2, "/pid", pause=0.3):
        eventually(lambda: len(up(server)) == 1, 30, lambda: server.log)
    server.wait_log("worker . asked for cheap mode", 3)
    assert "DAMN" not in server.log


def test_a_single_request_that_takes_long_is_enough_for_spare(start: Callable[..., Server]) -> None:
    server = start()
    with Http1(server.address) as client:
        client.request("/sleep?seconds=6")
        eventually(lambda: len(up(server)) == 2, 6)
        assert client.response().text == "slept"


def test_a_worker_with_a_websocket_is_busy_and_stays(start: Callable[..., Server]) -> None:
    server = start(cheaper_initial=3)
    eventually(lambda: len(up(server)) == 3)
    with websocket(server.url.replace("http", "ws") + "/ws") as session:
        eventually(lambda: len(up(server)) == 2, 15)
        session.send("here")
        assert session.recv() == "here"


def test_backlog_counts_connections_that_nobody_accepts(start: Callable[..., Server]) -> None:
    server = start(cheaper_algo="backlog", trio_max_connections=1)
    clients = [Http1(server.address) for _ in range(12)]
    eventually(lambda: len(up(server)) == 4, 15, lambda: server.log)
    for each in clients:
        each.close()
    eventually(lambda: len(up(server)) == 1, 15)


def test_cheaper_step_and_initial(start: Callable[..., Server]) -> None:
    server = start(cheaper_initial=2, cheaper_step=2, cheaper_overload=2)
    assert len(up(server)) == 2
    seen = set()

    def all_up() -> bool:
        seen.add(len(up(server)))
        return 4 in seen

    with load(server):
        eventually(all_up, 20)
    assert 3 not in seen


def test_the_rss_limit_keeps_the_master_from_more_workers(start: Callable[..., Server]) -> None:
    server = start(memory_report=True, cheaper_rss_limit_soft=1 << 20)
    eventually(lambda: server.stats()["workers"][0]["rss"] > 1 << 20)
    with load(server):
        time.sleep(5)
        assert up(server) == [1]


def test_the_hard_rss_limit_takes_workers_down(start: Callable[..., Server]) -> None:
    limits = {"cheaper_rss_limit_soft": 1 << 20, "cheaper_rss_limit_hard": 2 << 20}
    server = start(memory_report=True, cheaper_initial=3, cheaper_overload=60, **limits)
    server.wait_log("cheaper hard rss memory limit exceeded", 2)
    eventually(lambda: len(up(server)) == 1)


def test_idle_stops_the_workers_and_the_next_request_starts_them(start: Callable[..., Server]) -> None:
    server = start(idle=3, cheaper=None, cheaper_overload=None, processes=2)
    with load(server, 2, "/pid"):
        time.sleep(5)
    assert "inactive" not in server.log
    pids = server.worker_pids()
    server.wait_log("workers have been inactive for more than 3 seconds")
    server.wait_log("cheap mode enabled: waiting for socket connection")
    assert not any(map(alive, pids))
    with Http1(server.address) as client:
        assert client.get("/pid").status == 200


def test_a_request_that_takes_longer_than_idle_is_no_rest(start: Callable[..., Server]) -> None:
    server = start(idle=2, cheaper=None, cheaper_overload=None, processes=1)
    with Http1(server.address) as client:
        assert client.get("/sleep?seconds=5").text == "slept"


def test_die_on_idle(start: Callable[..., Server]) -> None:
    server = start(idle=3, die_on_idle=True, cheaper=None, cheaper_overload=None, processes=2)
    with load(server, 2, "/pid"):
        time.sleep(5)
        assert server.process.poll() is None
    assert server.wait_end() == 0
    assert server.count("probe .*: shutdown") == 2


def test_cheap_starts_workers_at_the_first_connection(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(cheap=True, ready=False, plugin=plugin, processes=2)
    server.wait_log("cheap mode enabled")
    assert up(server) == []
    with Http1(server.address) as client:
        assert client.get("/pid").status == 200
    server.wait_accepting(2)
