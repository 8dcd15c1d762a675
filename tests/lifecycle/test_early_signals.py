"""Signals that come before a worker listens: at its fork, at its import of the app, at that of the master."""

import os
import signal
import time
from pathlib import Path

import pytest
from support.processes import alive, children
from support.uwsgi import Servers
from support.waiting import eventually

EARLY = {"shared_import": "trio_worker.early_signals"}

SLOW = """\
import sys, time
print("loading", file=sys.stderr, flush=True)
time.sleep({seconds})
from probe import app
"""


def newborn(master: int, known: set[int]) -> int:
    """Wait for the next child of a process, without a pause and by the fastest way: it listens 20 ms later."""
    deadline = time.monotonic() + 10
    file = Path(f"/proc/{master}/task/{master}/children")
    while time.monotonic() < deadline:
        if found := set(map(int, file.read_text().split())) - known:
            return found.pop()
    raise AssertionError("no child was forked")


def test_a_signal_reaches_a_worker_that_was_just_forked(uwsgi: Servers) -> None:
    server = uwsgi(ready=False, forkbomb_delay=0, **EARLY)
    for number in range(3):
        known = set(children(server.master_pid)) if number else set()
        for old in known:
            server.signal(signal.SIGKILL, old)
        pid = newborn(server.master_pid, known)
        server.signal(signal.SIGHUP, pid)
        eventually(lambda pid=pid: not alive(pid) or server.nudge(), 10, lambda: server.log)  # type: ignore[misc]
        server.wait_accepting(number + 1)
    assert server.count("gracefully") == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_worker_that_imports_its_app_ends_at_once(uwsgi: Servers, tmp_path: Path, number: signal.Signals) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW.format(seconds=30))
    server = uwsgi(module=None, wsgi_file=slow, callable="app", lazy_apps=True, ready=False)
    server.wait_log("^loading")
    (pid,) = children(server.master_pid)
    server.signal(number, pid)
    server.wait_log("^loading", count=2, timeout=20)  # The import of the first one would have taken longer.
    assert not alive(pid)


@pytest.mark.parametrize("lazy", [True, None], ids=["lazy-apps", "in the master"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_an_instance_that_imports_its_app(
    uwsgi: Servers, tmp_path: Path, number: signal.Signals, lazy: bool | None
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW.format(seconds=30))
    hooks = [f"unix_signal:{each} gracefully_kill_them_all" for each in (2, 15)]
    server = uwsgi(
        module=None, wsgi_file=slow, callable="app", lazy_apps=lazy, ready=False, hook_master_start=hooks, **EARLY
    )
    server.socket_files.clear()  # Without a worker nothing of uWSGI's own end has run.
    server.wait_log("^loading")
    server.signal(number)
    assert server.wait_end(5) == 0
    assert "Traceback" not in server.log


@pytest.mark.long
@pytest.mark.parametrize("delay", [0, 0.01, 0.03, 0.06, 0.1, 0.2])
def test_a_terminal_s_interrupt_gives_no_traceback(uwsgi: Servers, delay: float) -> None:
    """It reaches the master and the workers, wherever they are on their way up."""
    hooks = ["unix_signal:2 gracefully_kill_them_all"]
    server = uwsgi(processes=2, lazy_apps=True, ready=False, hook_master_start=hooks, **EARLY)
    server.wait_log("spawned uWSGI worker 1")
    time.sleep(delay)
    os.killpg(server.master_pid, signal.SIGINT)
    server.wait_end(10)
    assert "Traceback" not in server.log
