"""Every way in which uWSGI reloads or ends its workers: nobody notices, and nothing is left."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.http1 import Http1
from support.log import ACCEPTING
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually

Act = Callable[[Server], None]

DRAINING = r"\[worker \d+\] INFO trio_worker\.worker: draining"
ENDING = r"\[worker \d+\] INFO trio_worker\.worker: ending"


def touch(path: Path) -> None:
    """Make it look changed: uWSGI looks at whole seconds."""
    later = time.time() + 10
    path.touch()
    os.utime(path, (later, later))


def fifo(command: str) -> Act:
    return lambda server: server.fifo(command)


def send(number: int) -> Act:
    return lambda server: server.signal(number)


def touch_file(server: Server) -> None:
    touch(server.directory / "touched")


def ask_to_reload(server: Server) -> None:
    assert httpx.get(f"{server.url}/reload").text == "reloading"


GRACEFUL = {
    "SIGHUP": send(signal.SIGHUP),
    "fifo r": fifo("r"),
    "fifo c": fifo("c"),
    "fifo w": fifo("w"),
    "touch-reload": touch_file,
    "touch-chain-reload": touch_file,
    "touch-workers-reload": touch_file,
    "uwsgi.reload()": ask_to_reload,
}

BRUTAL = {"SIGTERM": send(signal.SIGTERM), "fifo R": fifo("R"), "fifo W": fifo("W")}

ENDS = {
    "SIGINT": send(signal.SIGINT),
    "SIGQUIT": send(signal.SIGQUIT),
    "fifo Q": fifo("Q"),
    "fifo q": fifo("q"),
}


def start(uwsgi: Servers, way: str) -> Server:
    # A relative name is one in the server's own directory.
    options: dict[str, Any] = {way: "touched"} if way.startswith("touch") else {}
    return uwsgi(processes=2, **options)


@pytest.mark.parametrize("way", GRACEFUL)
def test_graceful_reload(uwsgi: Servers, way: str) -> None:
    check_graceful_reload(uwsgi, way)


def check_graceful_reload(uwsgi: Servers, way: str) -> None:
    """What is in flight finishes, a new worker takes the place of each, and connections wait meanwhile."""
    server = start(uwsgi, way)
    before = server.worker_pids()
    with Http1(server.address) as busy:
        busy.request("/sleep?seconds=0.7")
        server.wait_log("sleeping")
        GRACEFUL[way](server)
        assert busy.response().text == "slept"
    server.wait_accepting(4)
    assert set(server.worker_pids()).isdisjoint(before)
    assert server.count(DRAINING) == 2
    assert all(server.count(f"probe {pid}: shutdown") == 1 for pid in before)
    assert httpx.get(server.url).text == "hello"


@pytest.mark.parametrize("way", BRUTAL)
def test_brutal_reload(uwsgi: Servers, way: str) -> None:
    """What is in flight is cancelled, and its client told; lifespan shutdown runs."""
    server = start(uwsgi, way)
    before = server.worker_pids()
    with Http1(server.address) as busy:
        busy.request("/sleep?seconds=30")
        server.wait_log("sleeping")
        BRUTAL[way](server)
        assert busy.response().status == 503
    server.wait_accepting(4)
    assert set(server.worker_pids()).isdisjoint(before)
    assert all(server.count(f"probe {pid}: shutdown") == 1 for pid in before)


@pytest.mark.parametrize("way", ENDS)
def test_the_end(uwsgi: Servers, way: str) -> None:
    server = uwsgi(processes=2)
    before = server.worker_pids()
    ENDS[way](server)
    assert server.wait_end() == 0
    assert server.count(DRAINING if way == "fifo q" else ENDING) == 2
    assert all(server.count(f"probe {pid}: shutdown") == 1 for pid in before)


def test_die_on_term(uwsgi: Servers) -> None:
    """SIGTERM ends, and SIGQUIT reloads instead."""
    server = uwsgi(processes=2, die_on_term=True)
    server.signal(signal.SIGQUIT)
    server.wait_accepting(4)
    server.signal(signal.SIGTERM)
    assert server.wait_end() == 0
    assert server.count(ENDING) == 4


def test_a_service_manager_that_stops_gracefully(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, hook_master_start="unix_signal:15 gracefully_kill_them_all")
    with Http1(server.address) as busy:
        busy.request("/sleep?seconds=1")
        server.wait_log("sleeping")
        server.signal(signal.SIGTERM)
        assert busy.response().text == "slept"
    assert server.wait_end() == 0
    assert server.count(DRAINING) == 2


def test_fifo_p_pauses_and_resumes_all(uwsgi: Servers) -> None:
    server = uwsgi(processes=2)
    server.fifo("p")
    server.wait_log("accepting is paused", count=2)
    with Http1(server.address) as waiting:
        waiting.request("/")
        assert waiting.is_open(0.3)
        server.fifo("p")
        assert waiting.response().text == "hello"
    server.wait_log("accepting is resumed", count=2)


def test_max_worker_lifetime(uwsgi: Servers) -> None:
    server = uwsgi(max_worker_lifetime=4, min_worker_lifetime=1)
    (first,) = server.worker_pids()
    with Http1(server.address, timeout=30) as busy:
        busy.request("/sleep?seconds=6")
        assert busy.response().text == "slept"
    server.wait_log(r"probe \d+: startup", 2)  # On a busy machine its time may be over before it accepts.
    assert server.worker_pids() != [first]
    assert server.count(DRAINING) >= 1


def test_a_chain_reload_takes_one_after_the_other(uwsgi: Servers) -> None:
    server = uwsgi(processes=3)
    before = server.worker_pids()
    server.fifo("c")
    server.wait_accepting(6, timeout=30)
    lines = [line for line in server.log.splitlines() if "accepting on" in line or "draining" in line][3:]
    assert ["draining" in line for line in lines] == [True, False] * 3
    assert set(server.worker_pids()).isdisjoint(before)


def test_a_reload_takes_up_the_new_ini(uwsgi: Servers) -> None:
    server = uwsgi(processes=1)
    server.ini.write_text(server.ini.read_text().replace("processes = 1", "processes = 2"))
    server.signal(signal.SIGHUP)
    server.wait_accepting(3)
    assert len(server.worker_pids()) == 2


def test_lazy_apps_take_up_the_new_code(uwsgi: Servers, tmp_path: Path) -> None:
    code = tmp_path / "changing.py"
    code.write_text("from quart_app import app\n")
    server = uwsgi(module=None, wsgi_file=code, callable="app", lazy_apps=True)
    assert httpx.get(server.url).text == "quart"
    code.write_text("from probe import app\n")
    server.fifo("c")
    server.wait_accepting(2)
    assert httpx.get(server.url).text == "hello"


@pytest.mark.parametrize("preloaded", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_master_imports_for_all_workers(uwsgi: Servers, preloaded: bool) -> None:
    modules = ["trio_worker.early_signals", *["trio_worker.preload"] * preloaded]
    server = uwsgi(shared_import=modules, lazy_apps=True)
    # A library that only a worker needs.
    assert ("ngh2" in Path(f"/proc/{server.master_pid}/maps").read_text()) is preloaded
    server.reload("c")
    server.signal(signal.SIGHUP)
    server.wait_accepting(3)
    assert httpx.get(server.url).text == "hello"


def test_an_emperor_reloads_and_removes_its_vassal(uwsgi: Servers, tmp_path: Path) -> None:
    vassal = uwsgi.write(processes=2)
    vassals = tmp_path / "vassals"
    vassals.mkdir()
    (vassals / "one.ini").symlink_to(vassal.ini)
    emperor = uwsgi(usual=False, ready=False, emperor=vassals, emperor_freq=1)
    emperor.wait_accepting(2)
    pids = vassal.worker_pids()
    touch(vassal.ini)
    emperor.wait_accepting(4)
    assert set(vassal.worker_pids()).isdisjoint(pids)
    assert emperor.count(DRAINING) == 2
    assert httpx.get(vassal.url).text == "hello"
    pids = vassal.worker_pids()
    (vassals / "one.ini").unlink()
    eventually(lambda: not any(alive(pid) for pid in pids))
    emperor.wait_log(r"removed uwsgi instance one\.ini")
    assert emperor.count(ACCEPTING) == 4
