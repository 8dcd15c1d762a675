"""The end of an instance by a signal to its master, with the inis as they are shipped."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from queue import Queue
from threading import Semaphore, Thread
from typing import Any

import pytest
from support.http1 import Http1
from support.ini import APPS, free_port
from support.uwsgi import Server, Servers
from support.waiting import eventually, throughout

ROOT = Path(__file__).parents[2]
HOOK = re.compile(r"^hook-master-start = (.*)$", re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("ini", ["trio_worker/starter.ini", "uwsgi.ini"])
def test_what_is_in_flight_finishes(uwsgi: Servers, ini: str, number: signal.Signals) -> None:
    hooks = HOOK.findall((ROOT / ini).read_text())
    server = uwsgi(processes=2, hook_master_start=hooks, worker_reload_mercy=20)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=1.5")
        server.wait_log("sleeping")
        server.signal(number)
        answer = client.response()
    assert (answer.status, answer.text) == (200, "slept")
    assert server.wait_end() == 0


def starter(uwsgi: Servers, directory: Path, **options: Any) -> Server:
    """A uWSGI with the starter's ini as it is printed, but for the names that a project puts in; nothing is on PATH."""
    address = ("127.0.0.1", free_port())
    command = Path(sys.executable).parent / "trio-worker"
    text = subprocess.run([command, "starter"], check=True, capture_output=True, text=True).stdout
    ours = {"yourapp:app": "probe:app", "127.0.0.1:8000": f"127.0.0.1:{address[1]}", "/tmp/trio-worker": str(directory)}
    for theirs, name in ours.items():
        assert theirs in text
        text = text.replace(theirs, name)
    (directory / "starter.ini").write_text(text)
    environment = {"PATH": "/usr/bin:/bin"}
    server = uwsgi(usual=False, ready=False, ini=directory / "starter.ini", environment=environment, **options)
    server.address = address
    server.wait_accepting(2)
    return server


def test_the_starter_has_nothing_that_is_warned_of(uwsgi: Servers, tmp_path: Path) -> None:
    server = starter(uwsgi, tmp_path, pythonpath=[APPS, ROOT])
    program = str(Path(sys.executable).parent / "trio-worker")
    command = [program, "check", "--strict", str(tmp_path / "starter.ini")]
    checked = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(APPS)}, capture_output=True, text=True)
    assert checked.stdout.endswith("errors: 0, warnings: 0\n"), checked.stdout
    throughout(lambda: not server.count("WARNING trio_worker"), 1.5, lambda: server.log)


def test_sigterm_under_load_loses_nothing(uwsgi: Servers, tmp_path: Path) -> None:
    """A client that is told so, by `Connection: close`, comes back to nobody: it has had all of its answers."""
    server = starter(uwsgi, tmp_path, pythonpath=APPS, disable_logging=True)
    answers = Queue[str]()
    served = Semaphore(0)

    def keep_asking() -> None:
        with Http1(server.address) as client:
            client.get()
            served.release()
            while "connection" not in (answer := client.get()).headers:
                assert answer.text == "hello"
            answers.put(answer.text)

    threads = [Thread(target=keep_asking) for _ in range(4)]
    with Http1(server.address) as slow:
        slow.request("/sleep?seconds=3")
        server.wait_log("sleeping")
        for each in threads:
            each.start()
        for _ in threads:
            assert served.acquire(timeout=5)
        server.signal(signal.SIGTERM)
        assert slow.response().text == "slept"
    for each in threads:
        each.join(5)
    assert [answers.get(timeout=1) for _ in threads] == ["hello"] * len(threads)
    assert server.wait_end() == 0


def test_the_master_sees_at_once_what_becomes_of_its_workers(uwsgi: Servers) -> None:
    """It looks by itself once a second; right after such a look it would take nearly that long."""
    hooks = HOOK.findall((ROOT / "trio_worker/starter.ini").read_text())
    server = uwsgi(hook_master_start=hooks)
    (pid,) = server.worker_pids()
    killed = time.monotonic()
    server.signal(signal.SIGKILL, pid)
    eventually(lambda: server.count("DAMN ! worker 1"))
    assert time.monotonic() - killed < 0.6


@pytest.mark.long
def test_a_stuck_worker_does_not_keep_its_master(uwsgi: Servers) -> None:
    """The master waits in the handler of the signal, and has no mercy there that could end."""
    server = uwsgi(
        module="limits:app",
        processes=2,
        worker_reload_mercy=2,
        hook_master_start=["unix_signal:15 gracefully_kill_them_all"],
    )
    with Http1(server.address) as client:
        client.request("/block?seconds=60")
        server.wait_log("blocking")
        server.signal(signal.SIGTERM)
        assert server.wait_end(10) == 0
    assert server.count("its loop is stuck") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_waits_for_nothing(uwsgi: Servers, number: signal.Signals) -> None:
    hooks = HOOK.findall((ROOT / "trio_worker/starter.ini").read_text())
    server = uwsgi(processes=2, hook_master_start=hooks, worker_reload_mercy=60)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=50")
        server.wait_log("sleeping")
        server.signal(number)
        server.wait_log("draining", count=2)
        server.signal(number)
        assert client.response().status == 503
    assert server.wait_end(5) == 0
    assert server.count("the master is asked again to stop") == 1


@pytest.mark.parametrize("has_plugin", [False, True], ids=["plain", "with the plugin"])
def test_the_demonstration_has_its_metrics_with_few_words(
    uwsgi: Servers, tmp_path: Path, plugin: Path, has_plugin: bool
) -> None:
    ini = (ROOT / "uwsgi.ini").read_text()
    for theirs, ours in {"127.0.0.1:8000": f"127.0.0.1:{free_port()}", "/tmp/trio-worker": str(tmp_path / "t")}.items():
        ini = ini.replace(theirs, ours)
    ini = ini.replace("127.0.0.1:8001", f"127.0.0.1:{free_port()}").replace("127.0.0.1:9191", str(tmp_path / "stats"))
    (tmp_path / "uwsgi.ini").write_text(ini)
    options: dict[str, Any] = {"plugin": plugin} if has_plugin else {}
    options |= {"chdir": ROOT, "ini": tmp_path / "uwsgi.ini"}
    server = uwsgi(usual=False, ready=False, environment={"PYTHONPATH": str(ROOT)}, **options)
    server.wait_accepting(2)
    assert server.count("added custom metric") == (0 if has_plugin else 34)
    server.wait_log("initialized .* metrics")
    assert server.count("not declared") == 0
    assert server.log.count("\n") < 100
