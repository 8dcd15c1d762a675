"""What a worker does when Trio has ended, or before there was anything to serve."""

import re
import signal
from pathlib import Path

import pytest
from support.http1 import Http1
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually


def end_worker(server: Server) -> None:
    (pid,) = server.worker_pids()
    server.signal(signal.SIGHUP, pid)
    eventually(lambda: not alive(pid), why=lambda: server.log)


def test_the_hook_and_the_exit_handlers_are_called(uwsgi: Servers) -> None:
    server = uwsgi(module="endings:app", lazy_apps=True)
    end_worker(server)
    assert re.findall("probe .*: (.*(?:called|begins|ends))$", server.log, re.MULTILINE) == [
        "uwsgi.atexit is called",
        "an exit handler begins",
        "an exit handler ends",
    ]


def test_skip_atexit(uwsgi: Servers) -> None:
    server = uwsgi(module="endings:app", lazy_apps=True, skip_atexit=True)
    (pid,) = server.worker_pids()
    end_worker(server)
    assert server.count(rf"probe {pid}: shutdown") == 1
    assert server.count("called|an exit handler") == 0


def test_a_hook_that_fails_keeps_no_worker(uwsgi: Servers) -> None:
    server = uwsgi(module="endings:failing_hook()", lazy_apps=True)
    end_worker(server)
    assert server.count("ERROR .*: uwsgi.atexit has failed") == 1
    assert server.count("RuntimeError: the hook gave up") == 1


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_question_comes_too_late(uwsgi: Servers, tmp_path: Path, number: signal.Signals) -> None:
    """It ends nothing that is on its way."""
    held = tmp_path / "held"
    held.touch()
    server = uwsgi(module="endings:app", lazy_apps=True, environment={"ENDINGS_HELD": str(held)})
    (pid,) = server.worker_pids()
    server.signal(signal.SIGHUP, pid)
    server.wait_log("an exit handler begins")
    server.signal(number, pid)
    held.unlink()
    server.wait_log("an exit handler ends")
    eventually(lambda: not alive(pid))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 29), (signal.SIGINT, 30)])
def test_without_a_master_there_is_nobody_to_miss(uwsgi: Servers, number: signal.Signals, code: int) -> None:
    """The request takes longer than it takes to see that a master is not there."""
    server = uwsgi(master=None, stats=None, master_fifo=None, ini=None)
    server.socket_files.clear()  # To remove them is the master's.
    with Http1(server.address) as client:
        client.request("/sleep?seconds=1.5")
        server.wait_log("sleeping")
        assert client.response().text == "slept"
        server.signal(number)
    assert server.wait_end() == code
    assert server.count("probe .*: shutdown") == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_startup_that_hangs_is_given_up(uwsgi: Servers, number: signal.Signals) -> None:
    """There is nothing that could be lost, so nobody waits for the mercy."""
    server = uwsgi(module="endings:never_up", ready=False, worker_reload_mercy=30)
    server.wait_log("hangs$")
    (pid,) = server.worker_pids()
    server.signal(number, pid)
    server.wait_log("hangs no more", timeout=3)
    eventually(lambda: not alive(pid), 3)
    server.wait_log("hangs$", count=2)


@pytest.mark.parametrize(
    "code", [15, pytest.param(22, marks=pytest.mark.long), pytest.param(31, marks=pytest.mark.long)]
)
def test_an_app_that_exits_gives_the_master_no_order(uwsgi: Servers, code: int) -> None:
    """These codes would take the worker away for good, end the instance, and reload all."""
    server = uwsgi(processes=2, lazy_apps=True, need_app=True)
    before = server.worker_pids()
    with Http1(server.address) as client, pytest.raises((OSError, ValueError)):
        client.get(f"/exit?code={code}")
    server.wait_log(rf"os\._exit\({code}\) is an order to uWSGI's master: the worker exits with 1")
    server.wait_accepting(3)
    after = server.worker_pids()
    assert len(after) == 2
    assert len(set(after) & set(before)) == 1
