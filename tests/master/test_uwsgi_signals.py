"""uWSGI's signal framework in a worker: handlers run beside its loop, async ones in its nursery."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.processes import alive
from support.uwsgi import Server, Servers

# As in the app.
ASYNC, ASYNC_ALL, SLOW, FAILING, ASYNC_FAILING = 101, 102, 103, 104, 105


@pytest.fixture(params=["with the plugin", "without"])
def server(request: pytest.FixtureRequest, uwsgi: Servers, tmp_path: Path) -> Server:
    """Two workers of the app that lives by signals, with the plugin and once more without."""
    monitored = tmp_path / "monitored"
    monitored.touch()
    plugin = request.getfixturevalue("plugin") if request.param == "with the plugin" else None
    return uwsgi(module="signalled:app", processes=2, environment={"MONITORED": str(monitored)}, plugin=plugin)


def get(server: Server, path: str) -> str:
    with Http1(server.address) as client:
        return client.get(path).text


def raise_signal(server: Server, number: int) -> None:
    assert get(server, f"/signal?{number}") == "ok"


def test_timers_reach_their_targets_in_a_thread(server: Server) -> None:
    for worker in (1, 2):
        server.wait_log(f"^timer in worker {worker} in a thread", 2)
    server.wait_log("^rbtimer in worker 1 in a thread")
    server.wait_log("^async timer in worker 2 in a loop")
    assert "rbtimer in worker 2" not in server.log
    assert "async timer in worker 1" not in server.log


def test_cron_comes_with_the_minute(server: Server) -> None:
    server.wait_log("^cron in worker 1 in a thread", timeout=70)


def test_file_monitor(server: Server, tmp_path: Path) -> None:
    server.wait_log("^timer in worker 2")
    (tmp_path / "monitored").write_text("something else")
    server.wait_log("^filemon in worker 2 in a thread")


def test_async_handler_runs_in_the_nursery(server: Server) -> None:
    raise_signal(server, ASYNC)
    server.wait_log(f"^async {ASYNC} begins in worker 1 in a loop")
    server.signal(signal.SIGUSR2, server.worker_pids()[0])
    server.wait_log(r"in in_nursery")
    raise_signal(server, ASYNC_ALL)
    for worker in (1, 2):
        server.wait_log(f"^async {ASYNC_ALL} in worker {worker} in a loop")


def test_a_handler_that_blocks_holds_up_neither_requests_nor_the_loop(server: Server) -> None:
    raise_signal(server, SLOW)
    server.wait_log("^slow begins in worker 1 in a thread")
    for _ in range(20):
        get(server, "/")
    assert "slow ends" not in server.log
    server.wait_log("^slow ends")


def test_a_handler_that_fails_ends_nothing(server: Server) -> None:
    pids = server.worker_pids()
    raise_signal(server, FAILING)
    server.wait_log("^ValueError: raised by a handler")
    raise_signal(server, ASYNC_FAILING)
    server.wait_log(f"the handler of signal {ASYNC_FAILING} failed")
    raise_signal(server, ASYNC)
    server.wait_log(f"^async {ASYNC} begins")
    assert server.worker_pids() == pids


def test_a_graceful_reload_waits_for_the_handler_that_runs(server: Server) -> None:
    raise_signal(server, ASYNC)
    server.wait_log("^async .* begins")
    raise_signal(server, SLOW)
    server.wait_log("^slow begins")
    pid = server.worker_pids()[0]
    server.signal(signal.SIGHUP)
    server.wait_accepting(4)
    assert not alive(pid)
    assert server.count("^slow ends") == 1
    assert server.count("^async cancelled in worker 1 in a loop") == 1
    server.wait_log(r"(?s)slow ends.*accepting on.*^timer in worker 1 in a thread")


def test_the_end_does_not_wait_for_a_handler(server: Server) -> None:
    raise_signal(server, SLOW)
    server.wait_log("^slow begins")
    server.end()
    assert "slow ends" not in server.log


@pytest.mark.parametrize("option", ["timer", "rbtimer", "touch-signal", "fs-signal"])
def test_what_the_ini_raises_reaches_its_handler(uwsgi: Servers, tmp_path: Path, option: str) -> None:
    (watched := tmp_path / "watched").touch()
    (tmp_path / "monitored").touch()
    value = f"{ASYNC_ALL} 1" if option.endswith("timer") else f"{watched} {ASYNC_ALL}"
    environment = {"MONITORED": str(tmp_path / "monitored")}
    raising: dict[str, Any] = {option: value}
    server = uwsgi(module="signalled:app", environment=environment, **raising)
    watched.write_text("something else")
    # A touch is a time in whole seconds that is another one.
    os.utime(watched, (time.time() + 5, time.time() + 5))
    server.wait_log(f"^async {ASYNC_ALL} in worker 1 in a loop")


def test_with_lazy_apps_a_signal_reaches_one_worker(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "monitored").touch()
    environment = {"MONITORED": str(tmp_path / "monitored")}
    server = uwsgi(module="signalled:app", processes=2, lazy_apps=True, environment=environment)
    raise_signal(server, ASYNC_ALL)
    server.wait_log(f"^async {ASYNC_ALL} in worker . in a loop")
