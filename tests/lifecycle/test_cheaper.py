"""`cheaper`, `idle` and `cheap`: the master decides how many workers there are by what the plugin tells of them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually, throughout
from websockets.sync.client import connect as websocket

# Seconds within which load brings up the next worker by the algorithm `spare` and the usual `cheaper-overload` of 1:
# the master looks once a second, and counts beyond the overload.
SPARE_ACTS = 4.0

# Seconds without a request after which `idle` stops the workers, and seconds in which it would have.
IDLE = 3
LONGER_THAN_IDLE = IDLE + 2.0


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


def test_cheaper_overload_is_how_long_the_master_waits(start: Callable[..., Server]) -> None:
    server = start(cheaper_overload=8)
    with load(server):
        began = time.monotonic()
        eventually(lambda: len(up(server)) == 2, 30, lambda: server.log)
    # It counts seconds of the clock, of which the first and the last are not whole ones. The default is 3.
    assert time.monotonic() - began > 6


def test_manual_leaves_it_to_the_fifo(start: Callable[..., Server]) -> None:
    server = start(cheaper_algo="manual")
    with load(server):
        server.fifo("+")
        eventually(lambda: len(up(server)) == 2)
        throughout(lambda: len(up(server)) == 2, SPARE_ACTS, lambda: server.log)
    server.fifo("-")
    eventually(lambda: len(up(server)) == 1)


@contextmanager
def one_busy_worker(server: Server) -> Iterator[None]:
    """A request that runs all the time: for the busyness algorithm its worker is busy to 100 %."""
    with Http1(server.address) as client:
        client.request("/sleep?seconds=60")
        server.wait_log("sleeping")
        yield


def test_cheaper_busyness_max(start: Callable[..., Server]) -> None:
    busyness = {"cheaper_busyness_max": 100, "cheaper_busyness_verbose": True}
    server = start(cheaper_algo="busyness", **busyness)
    with one_busy_worker(server):
        server.wait_log(r"average busyness of 1 worker\(s\) is at 100%", 3)
    assert up(server) == [1]


def test_cheaper_busyness_min(start: Callable[..., Server]) -> None:
    busyness = {"cheaper_busyness_min": 10, "cheaper_busyness_multiplier": 5, "cheaper_busyness_verbose": True}
    server = start(cheaper_algo="busyness", processes=5, cheaper_initial=5, **busyness)
    busy = r"average busyness of . worker\(s\) is at [^0]"
    with one_busy_worker(server):
        server.wait_log(busy)
        cheaped = server.count("cheap one of")  # On a busy machine the first went while the last had yet to start.
        server.wait_log(busy, 8)
        assert server.count("cheap one of") == cheaped


def test_cheaper_busyness_multiplier_and_penalty(start: Callable[..., Server]) -> None:
    busyness = {"cheaper_busyness_multiplier": 2, "cheaper_busyness_penalty": 7}
    server = start(cheaper_algo="busyness", processes=2, **busyness)
    with load(server):
        eventually(lambda: len(up(server)) == 2)
    began = time.monotonic()
    server.wait_log("cheap one of 2 running workers")
    # Twice cheaper-overload, and not ten times as by default.
    assert time.monotonic() - began < 7
    with load(server):
        server.wait_log(r"respawned to fast, increasing cheaper multiplier to 9 \(\+7\)")


def test_the_backlog_of_the_busyness_algorithm_needs_no_plugin(start: Callable[..., Server]) -> None:
    alert = {"cheaper_busyness_backlog_alert": 3, "cheaper_busyness_backlog_step": 2}
    server = start(cheaper_algo="busyness", plugin=None, trio_max_connections=1, processes=3, **alert)
    with queueing(server, 8):
        server.wait_log(r"requests in listen queue, spawning 2 emergency worker\(s\)")
        eventually(lambda: len(up(server)) == 3)


def test_vassal_sos_asks_the_emperor_when_every_worker_is_busy(uwsgi: Servers, plugin: Path) -> None:
    vassal = uwsgi.write(module="limits:app", plugin=plugin, vassal_sos=1)
    with vassal.ini.open("a") as ini:
        # What the Emperor starts to help: nothing that would serve.
        ini.write("[zerg]\nmaster = true\nsocket = zerg.sock\n")
    emperor = uwsgi(usual=False, master=True, emperor=vassal.ini, emperor_broodlord=1, ready=False)
    emperor.wait_log(r"\[emperor\] vassal .* is ready to accept requests")
    with Http1(vassal.address) as client:
        client.request("/sleep?seconds=20")
        emperor.wait_log("asking Emperor for reinforcements")
        emperor.wait_log(r"\[emperor\] going in broodlord mode: launching zergs for .*uwsgi.ini")


def test_a_single_request_that_takes_long_is_enough_for_spare(start: Callable[..., Server]) -> None:
    server = start()
    with Http1(server.address) as client:
        client.request("/sleep?seconds=30")
        eventually(lambda: len(up(server)) == 2)


def test_a_worker_with_a_websocket_is_busy_and_stays(start: Callable[..., Server]) -> None:
    server = start(cheaper_initial=3)
    server.wait_accepting(1)
    with websocket(server.url.replace("http", "ws") + "/ws") as session:
        eventually(lambda: len(up(server)) == 2, 15)
        session.send("here")
        assert session.recv() == "here"


@contextmanager
def queueing(server: Server, count: int) -> Iterator[None]:
    """Connections that keep a worker for themselves, or wait for one with a request.

    The kernel queues a connection only once it brings data: uWSGI's sockets have TCP_DEFER_ACCEPT.
    """
    with ExitStack() as clients:
        for _ in range(count):
            clients.enter_context(Http1(server.address)).request("/pid")
        yield


def test_backlog_counts_connections_that_nobody_accepts(start: Callable[..., Server]) -> None:
    server = start(cheaper_algo="backlog", trio_max_connections=1)
    with queueing(server, 12):
        eventually(lambda: len(up(server)) == 4, 15, lambda: server.log)
    eventually(lambda: len(up(server)) == 1, 15)


def test_cheaper_initial(start: Callable[..., Server]) -> None:
    server = start(cheaper_initial=3, cheaper_overload=60)
    server.wait_accepting(3)
    assert len(up(server)) == 3


def test_cheaper_step(start: Callable[..., Server]) -> None:
    server = start(cheaper=2, cheaper_step=2)
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
        throughout(lambda: up(server) == [1], SPARE_ACTS, lambda: server.log)


def test_the_hard_rss_limit_takes_workers_down(start: Callable[..., Server]) -> None:
    limits = {"cheaper_rss_limit_soft": 1 << 20, "cheaper_rss_limit_hard": 2 << 20}
    server = start(memory_report=True, cheaper_initial=3, cheaper_overload=60, **limits)
    server.wait_log("cheaper hard rss memory limit exceeded", 2)
    eventually(lambda: len(up(server)) == 1)


def test_idle_stops_the_workers_and_the_next_request_starts_them(start: Callable[..., Server]) -> None:
    server = start(idle=IDLE, cheaper=None, cheaper_overload=None, processes=2)
    with load(server, 2, "/pid"):
        throughout(lambda: "inactive" not in server.log, LONGER_THAN_IDLE)
    pids = server.worker_pids()
    server.wait_log(f"workers have been inactive for more than {IDLE} seconds")
    server.wait_log("cheap mode enabled: waiting for socket connection")
    assert not any(map(alive, pids))
    with Http1(server.address) as client:
        assert client.get("/pid").status == 200


def test_a_request_that_takes_longer_than_idle_is_no_rest(start: Callable[..., Server]) -> None:
    server = start(idle=2, cheaper=None, cheaper_overload=None, processes=1)
    with Http1(server.address) as client:
        assert client.get("/sleep?seconds=4").text == "slept"


def test_die_on_idle(start: Callable[..., Server]) -> None:
    server = start(idle=IDLE, die_on_idle=True, cheaper=None, cheaper_overload=None, processes=2)
    with load(server, 2, "/pid"):
        throughout(lambda: server.process.poll() is None, LONGER_THAN_IDLE, lambda: server.log)
    assert server.wait_end() == 0
    assert server.count("probe .*: shutdown") == 2


def test_cheap_starts_workers_at_the_first_connection(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(cheap=True, ready=False, plugin=plugin, processes=2)
    server.wait_log("cheap mode enabled")
    assert up(server) == []
    with Http1(server.address) as client:
        assert client.get("/pid").status == 200
    server.wait_accepting(2)
