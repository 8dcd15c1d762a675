"""The end of a worker: quick, with lifespan shutdown, and nothing is left; and how quickly the next one accepts."""

import os
import signal
import time
from contextlib import ExitStack

import psutil
from support.http1 import Http1, connect
from support.http2 import Http2
from support.log import ACCEPTING, OUTSTAYED
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket


def time_to_die(pid: int, timeout: float) -> float:
    began = time.monotonic()
    eventually(lambda: not alive(pid), timeout)
    return time.monotonic() - began


def test_an_idle_worker_ends_within_half_a_second(uwsgi: Servers) -> None:
    server = uwsgi()
    (pid,) = server.worker_pids()
    with Http1(server.address) as kept:
        kept.get()
        server.signal(signal.SIGINT)
        assert time_to_die(pid, 3) < 0.5
        assert kept.rest() == b""
    assert server.wait_end() == 0
    assert server.count(rf"probe {pid}: shutdown") == 1


def test_a_busy_worker_ends_within_six_seconds(uwsgi: Servers) -> None:
    """Every kind of request, and a lifespan shutdown that takes longer than it may."""
    server = uwsgi(environment={"PROBE_SHUTDOWN_SECONDS": "30"})
    (pid,) = server.worker_pids()
    with ExitStack() as clients:
        sleeper, deaf, reader = (clients.enter_context(Http1(server.address)) for _ in range(3))
        sleeper.request("/sleep?seconds=60")
        deaf.request("/stream?size=1000000")
        reader.request("/stream?pause=0.05")
        reader.head()
        clients.enter_context(connect_websocket("ws://test/ws", sock=connect(server.address)))
        http2 = clients.enter_context(Http2(server.address).begin())
        stream = http2.request("/sleep?seconds=60")
        server.wait_log("sleeping", count=2)
        server.signal(signal.SIGINT)
        assert sleeper.response().status == 503
        assert http2.response(stream)[0] == 503
        assert time_to_die(pid, 10) < 6
    assert server.wait_end() == 0
    assert server.count("lifespan shutdown took longer than") == 1


def test_lifespan_shutdown_may_take_its_time(uwsgi: Servers) -> None:
    server = uwsgi(environment={"PROBE_SHUTDOWN_SECONDS": "1"})
    server.signal(signal.SIGINT)
    assert server.wait_end() == 0
    assert server.count("probe .*: shutdown") == 1


def test_a_request_that_resists_its_cancellation(uwsgi: Servers) -> None:
    """Trio cannot end it; the worker ends all the same, and says what held it."""
    server = uwsgi()
    server.may_outstay = True
    (pid,) = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/stubborn?cleanup=60")
        server.wait_log("stubborn")
        server.signal(signal.SIGINT)
        assert time_to_die(pid, 10) < 6
    assert server.wait_end() == 0
    assert server.count(OUTSTAYED) == 1
    assert server.count(r"probe\.py:\d+ in _stubborn") == 1


def test_a_worker_ends_when_its_master_was_killed(uwsgi: Servers) -> None:
    server = uwsgi(processes=2)
    pids = server.worker_pids()
    server.signal(signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in pids), 5)
    assert all(server.count(rf"probe {pid}: shutdown") == 1 for pid in pids)
    for path in server.socket_files:
        os.unlink(path)  # There was nobody to do it.


def work_until_accepting(server: Server) -> list[float]:
    """Seconds of CPU time that a worker takes from its fork until it accepts, for some that take another's place."""
    seconds: list[float] = []
    for _ in range(3):
        (pid,) = server.worker_pids()
        count = server.count(ACCEPTING)
        server.signal(signal.SIGHUP, pid)
        server.wait_accepting(count + 1)
        used = psutil.Process(server.worker_pids()[0]).cpu_times()
        seconds.append(used.user + used.system)
    return seconds


def test_a_preloaded_worker_accepts_long_before_one_that_imports_its_app(uwsgi: Servers) -> None:
    preloaded = work_until_accepting(uwsgi(module="quart_app:app"))
    lazy = work_until_accepting(uwsgi(module="quart_app:app", lazy_apps=True))
    assert min(preloaded) < min(lazy) / 2, (preloaded, lazy)
