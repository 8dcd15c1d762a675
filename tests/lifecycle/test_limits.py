"""Limits on the life of a worker: each ends it by a drain, where uWSGI's own workers end gracefully."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually

REPLACED = "this worker is replaced"


def start(uwsgi: Servers, **options: Any) -> Server:
    """A uWSGI whose limits hold from the first second of a worker on, unless `options` says otherwise."""
    return uwsgi(module="limits:app", **{"min_worker_lifetime": 1, **options})


def get(server: Server, path: str) -> str:
    with Http1(server.address) as client:
        return client.get(path).text


@contextmanager
def in_flight(server: Server, seconds: float = 3) -> Iterator[None]:
    """A request that is in flight when a worker is replaced, and must be answered nevertheless."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, server, f"/sleep?seconds={seconds}")
        server.wait_log("sleeping")
        yield
        assert answer.result() == "slept"


def wait_replaced(server: Server, pid: int, within: float = 10) -> None:
    """Wait until another process serves in the place of `pid`."""
    eventually(lambda: not alive(pid), within, lambda: server.log)
    server.wait_accepting(2)
    assert int(get(server, "/pid")) != pid
    assert "probe " + str(pid) + ": shutdown" in server.log
    assert "DAMN" not in server.log


def test_max_requests(uwsgi: Servers) -> None:
    server = start(uwsgi, max_requests=5)
    pid = int(get(server, "/pid"))
    with in_flight(server):
        for _ in range(5):
            get(server, "/pid")
        server.wait_log(f"{REPLACED}: max-requests")
    wait_replaced(server, pid)


def test_with_the_plugin_the_master_knows_that_the_worker_leaves(uwsgi: Servers, plugin: Path) -> None:
    server = start(uwsgi, max_requests=1, plugin=plugin)
    wait_replaced(server, int(get(server, "/pid")))
    assert server.count("worker 1 killed successfully") == 1


def test_max_requests_is_exact(uwsgi: Servers) -> None:
    """The worker ends with that request, and its client is told so with the answer."""
    server = start(uwsgi, max_requests=5, min_worker_lifetime=0)
    with Http1(server.address) as client:
        answers = [client.get("/pid") for _ in range(5)]
        assert [answer.headers.get("connection") for answer in answers] == [None] * 4 + ["close"]
        assert not client.rest()
    assert len({answer.text for answer in answers}) == 1
    assert get(server, "/pid") != answers[0].text


def test_workers_of_one_age_leave_in_turn(uwsgi: Servers) -> None:
    """Each waits until another one accepts, so nobody waits for their two seconds of startup."""
    server = uwsgi(module="slow_start:app", processes=2, lazy_apps=True, max_requests=20, min_worker_lifetime=0)
    pids: set[str] = set()
    slowest, end = 0.0, time.monotonic() + 30
    while len(pids) < 5 and time.monotonic() < end:
        began = time.monotonic()
        pids.add(get(server, "/pid"))
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)  # A client that takes its time: the load, not a wait for something.
    assert len(pids) >= 5
    assert slowest < 1


def test_max_requests_delta_spreads_the_workers(uwsgi: Servers) -> None:
    server = start(uwsgi, max_requests=2, max_requests_delta=1000, processes=2)
    first, second = server.worker_pids()
    eventually(lambda: get(server, "/pid") and not alive(first), 10, lambda: server.log)
    for _ in range(20):
        get(server, "/pid")
    server.wait_accepting(3)
    assert alive(second)
    assert server.count(rf"\[worker 1\].*{REPLACED}") >= 1
    assert server.count(rf"\[worker 2\].*{REPLACED}") == 0


def test_min_worker_lifetime_spares_a_young_worker(uwsgi: Servers) -> None:
    server = start(uwsgi, max_requests=1, min_worker_lifetime=5)
    began = time.monotonic()
    pid = int(get(server, "/pid"))
    server.wait_log(f"{REPLACED}: max-requests")
    # It is the master's clock that counts, which knows whole seconds; the default would be ten of them.
    assert 3 < time.monotonic() - began < 8
    wait_replaced(server, pid)


@pytest.mark.parametrize("option", ["reload_on_rss", "reload_on_as"])
def test_a_worker_that_has_grown_is_replaced(uwsgi: Servers, option: str) -> None:
    # As much more than an idle worker has as the route below takes.
    idle = start(uwsgi, memory_report=True)
    [pid] = idle.worker_pids()
    column = {"reload_on_rss": 1, "reload_on_as": 0}[option]
    with open(f"/proc/{pid}/statm") as statm:
        size = int(statm.read().split()[column]) * os.sysconf("SC_PAGE_SIZE") >> 20
    server = start(uwsgi, **{option: size + 300})
    assert int(get(server, "/pid")) == server.worker_pids()[0]
    with in_flight(server):
        pid = int(get(server, "/grow?megabytes=600"))
        server.wait_log(f"{REPLACED}: {option.replace('_', '-')}")
    wait_replaced(server, pid)


@pytest.mark.parametrize("option", ["evil_reload_on_rss", "evil_reload_on_as"])
def test_evil_reloads_kill_a_worker_that_has_grown(uwsgi: Servers, option: str) -> None:
    server = start(uwsgi, mem_collector_freq=1, **{option: 1200})
    [pid] = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/grow?megabytes=1300")
    server.wait_log(r"\*\*\* EVIL RELOAD ON WORKER 1")
    eventually(lambda: not alive(pid))
    server.wait_accepting(2)


NAMED: dict[str, Any] = {
    "reload_on_exception": True,
    "reload_on_exception_type": ["KeyError", "Forbidden"],
    "reload_on_exception_value": ["nothing", "not here"],
    "reload_on_exception_repr": ["KeyError: 'a'", "Forbidden: not here"],
}


@pytest.mark.parametrize("option", NAMED)
def test_an_exception_that_the_ini_names_ends_the_worker(uwsgi: Servers, option: str) -> None:
    server = start(uwsgi, **{option: NAMED[option]})
    pid = int(get(server, "/pid"))
    with in_flight(server, 1), Http1(server.address) as client:
        assert client.get("/forbidden").status == 500
    wait_replaced(server, pid)
    assert server.count("monitored exception detected, respawning worker 1") == 1


@pytest.mark.parametrize("option", list(NAMED)[1:])
def test_another_exception_does_not(uwsgi: Servers, option: str) -> None:
    server = start(uwsgi, **{option: NAMED[option]})
    with Http1(server.address) as client:
        assert client.get("/raise").status == 500
    get(server, "/pid")
    assert not server.count("draining")


def test_an_exception_in_a_group_ends_the_worker_too(uwsgi: Servers) -> None:
    server = start(uwsgi, reload_on_exception_type="Forbidden")
    pid = int(get(server, "/pid"))
    with Http1(server.address) as client:
        assert client.get("/forbidden/group").status == 500
    wait_replaced(server, pid)


def test_max_worker_lifetime_and_its_delta(uwsgi: Servers) -> None:
    server = start(uwsgi, max_worker_lifetime=2, max_worker_lifetime_delta=1000, processes=2)
    first, second = server.worker_pids()
    with in_flight(server):
        server.wait_log("worker 1 lifetime reached")
    eventually(lambda: not alive(first))
    server.wait_accepting(3)
    assert alive(second)
    assert "DAMN" not in server.log


def orphan(server: Server) -> list[int]:
    """Kill the master, which then leaves its socket file; returns its workers."""
    pids = server.worker_pids()
    os.kill(server.master_pid, signal.SIGKILL)
    server.process.wait()
    server.unix_path.unlink()
    return pids


def test_workers_end_when_their_master_dies(uwsgi: Servers) -> None:
    server = start(uwsgi, processes=2)
    pids = orphan(server)
    eventually(lambda: not any(map(alive, pids)), 5)
    assert server.count("probe .*: shutdown") == 2


def test_no_orphans_ends_even_a_stuck_worker_at_once(uwsgi: Servers) -> None:
    server = start(uwsgi, no_orphans=True)
    with Http1(server.address) as client:
        client.request("/block?seconds=20")
        server.wait_log("blocking")
        [pid] = orphan(server)
        eventually(lambda: not alive(pid), 2)
    assert not re.search("the master .* has died", server.log)
