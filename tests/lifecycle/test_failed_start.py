"""Workers that cannot start: the first of an instance ends it, a later one is tried again while the others serve."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.load import Ask, hammer
from support.log import ACCEPTING
from support.uwsgi import Server, Servers
from support.waiting import eventually, throughout

# What the operator may have asked for: the promise is the same.
MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "need-app": {"need_app": True},
    "lazy-apps": {"lazy_apps": True},
    "lazy-apps need-app": {"lazy_apps": True, "need_app": True},
}
LONG = {"need-app", "lazy-apps"}
SOME_LONG = [pytest.param(each, marks=pytest.mark.long) if each in LONG else each for each in MODES]

APP = """\
import os
from probe import app as probe

async def app(scope, receive, send):
    if scope["type"] == "lifespan" and os.path.exists({away!r}):
        await receive()
        await send({{"type": "lifespan.startup.failed", "message": "the database is away"}})
        return
    await probe(scope, receive, send)
"""

CANNOT = {
    "a value that does not parse": ({"trio-drain-linger": "soon"}, "trio-drain-linger = soon: allowed is"),
    "an unknown key": ({"trio-no-such-key": "1"}, "trio-no-such-key = 1: there is no such option of this worker"),
    "no certificate": ({"trio-certfile": "/no/such.pem", "trio-keyfile": "/no/such.pem"}, "/no/such.pem"),
    "an app that does not load": ({"module": "broken_import:app"}, "broken_import"),
    "a startup that fails": ({"module": "broken:startup_fails"}, "lifespan startup failed: no database today"),
}


@pytest.mark.parametrize(
    "mode", [pytest.param(each, marks=pytest.mark.long) if each in LONG else each for each in MODES]
)
@pytest.mark.parametrize("fault", CANNOT)
def test_an_ini_that_cannot_work_ends_the_instance(uwsgi: Servers, fault: str, mode: str) -> None:
    options, why = CANNOT[fault]
    server = uwsgi(**MODES[mode], **options, processes=3, ready=False)
    began = time.monotonic()
    assert server.wait_end(20) not in (0, None)
    assert time.monotonic() - began < 10
    assert why in server.log
    assert server.count(r"\] CRITICAL [^\n]*" + why) <= 1


def test_need_app_gives_an_instance_that_never_served_its_status(uwsgi: Servers) -> None:
    server = uwsgi(module="broken:startup_raises", lazy_apps=True, need_app=True, processes=2, ready=False)
    assert server.wait_end() == 22
    assert server.count("need-app requested, destroying the instance") >= 1


def changing(tmp_path: Path, uwsgi: Servers, **options: Any) -> tuple[Server, Path, Path]:
    """A server of four workers, the file of its app, and the file whose presence makes the startup fail."""
    code, away = tmp_path / "changing.py", tmp_path / "away"
    code.write_text(APP.format(away=str(away)))
    server = uwsgi(
        module=None, wsgi_file=code, callable="app", lazy_apps=True, processes=4, disable_logging=True, **options
    )
    return server, code, away


@pytest.mark.parametrize("mode", ["lazy-apps", "lazy-apps need-app"])
def test_one_worker_does_not_take_all_down(uwsgi: Servers, tmp_path: Path, mode: str) -> None:
    options = {key: value for key, value in MODES[mode].items() if key != "lazy_apps"}
    server, _, away = changing(tmp_path, uwsgi, **options)
    away.touch()
    with hammer(server.address, [Ask("/", expected=b"hello")], clients=2) as tally:
        pid = server.worker_pids()[1]
        os.kill(pid, signal.SIGHUP)
        server.wait_log(
            r"\[worker 2\] CRITICAL .*the database is away; 3 of 4 workers serve on; the next try is in 2 s$"
        )
        server.wait_log(r"next try is in 2 s \(2 starts in a row have failed\)")
        away.unlink()
        server.wait_accepting(5)
    assert tally.failures == []
    assert tally.requests > 20


def test_endless_failures_are_paced_and_said(uwsgi: Servers, tmp_path: Path) -> None:
    server, _, away = changing(tmp_path, uwsgi)
    away.touch()
    os.kill(server.worker_pids()[0], signal.SIGINT)
    server.wait_log(r"next try is in 5 s \(4 starts in a row have failed\)", timeout=20)
    throughout(lambda: server.count("CRITICAL") == 4, 3, lambda: server.log)
    away.unlink()
    server.wait_accepting(5)
    away.touch()
    os.kill(server.worker_pids()[0], signal.SIGINT)
    server.wait_log("3 of 4 workers serve on; the next try is in 2 s$", count=2)


CRASH = """\
import os, sys
if os.path.exists({away!r}):
    print("crashing", file=sys.stderr, flush=True)
    os.kill(os.getpid(), 11)
from probe import app
"""


@pytest.mark.parametrize("lazy_mode", ["lazy-apps", "lazy-apps need-app"])
def test_an_app_that_crashes_at_its_import_ends_an_instance_that_never_served(
    uwsgi: Servers, tmp_path: Path, lazy_mode: str
) -> None:
    code, away = tmp_path / "crashing.py", tmp_path / "away"
    away.touch()
    code.write_text(CRASH.format(away=str(away)))
    server = uwsgi(module=None, wsgi_file=code, callable="app", processes=2, ready=False, **MODES[lazy_mode])
    assert server.wait_end(20) not in (0, None)
    assert server.count(r"CRITICAL .*the last \d workers have died before they accepted; no worker has served yet") == 1
    assert server.count("^crashing") < 12


def test_crashes_at_the_import_are_paced_and_said(uwsgi: Servers, tmp_path: Path) -> None:
    code, away = tmp_path / "crashing.py", tmp_path / "away"
    code.write_text(CRASH.format(away=str(away)))
    server = uwsgi(module=None, wsgi_file=code, callable="app", lazy_apps=True, processes=2, disable_logging=True)
    away.touch()
    with hammer(server.address, [Ask("/", expected=b"hello")], clients=2) as tally:
        server.signal(signal.SIGHUP, server.worker_pids()[0])
        died = "CRITICAL .*the last 3 workers have died before they accepted; 1 of 2 workers serve on"
        server.wait_log(died + "; the next try is in 2 s$", timeout=20)
        server.wait_log(died + r"; the next try is in 2 s \(3 starts in a row have failed\)$", timeout=20)
        server.wait_log(died + r"; the next try is in 5 s \(4 starts in a row have failed\)$", timeout=20)
        assert server.count("^crashing") == 6
        away.unlink()
        server.wait_accepting(3)
    assert tally.failures == []


WAITING = """\
import os
import trio
from probe import app as probe
async def app(scope, receive, send):
    if scope["type"] == "lifespan" and os.path.exists("{}"):
        print("waiting", flush=True)
        while os.path.exists("{}"):
            await trio.sleep(0.05)
    await probe(scope, receive, send)
"""


def test_workers_that_wait_in_their_startup_have_not_crashed(uwsgi: Servers, tmp_path: Path) -> None:
    """The kernel tells a start that has no end yet from one that had none (worker/siblings.py)."""
    code, wait = tmp_path / "waiting.py", tmp_path / "wait"
    code.write_text(WAITING.format(wait, wait))
    cheaper = {"cheaper": 1, "cheaper_initial": 1, "cheaper_algo": "manual"}
    server = uwsgi(module=None, wsgi_file=code, callable="app", lazy_apps=True, processes=6, ready=False, **cheaper)
    server.wait_accepting(1)
    wait.touch()
    for number in range(1, 6):
        server.fifo("+")
        server.wait_log("^waiting", count=number)
    wait.unlink()
    server.wait_accepting(6)
    assert "have died before they accepted" not in server.log


@pytest.mark.parametrize("mistake", ["app = (\n", "import no_such_module\n", None], ids=["syntax", "import", "startup"])
def test_a_broken_deploy_keeps_the_old_code(uwsgi: Servers, tmp_path: Path, mistake: str | None) -> None:
    touched = tmp_path / "touched"
    touched.touch()
    server, code, away = changing(tmp_path, uwsgi, need_app=True, touch_chain_reload=touched)
    good = code.read_text()
    with hammer(server.address, [Ask("/", expected=b"hello")], clients=2) as tally:
        if mistake is None:
            away.touch()
        else:
            code.write_text(mistake)
        os.utime(touched, (time.time() + 10, time.time() + 10))
        server.wait_log(r"\[worker 1\] CRITICAL .*; 3 of 4 workers serve on; the next try is in 2 s$")
        away.unlink(missing_ok=True)
        code.write_text(good + "# mended\n")
        server.wait_chain(1)
    assert server.count(ACCEPTING) == 8
    assert tally.failures == []
    assert tally.requests > 20


def test_a_mistake_saved_in_development_ends_nothing(uwsgi: Servers, tmp_path: Path) -> None:
    """A file that does not compile is no reason to reload; one that does and fails is tried again when it is mended."""
    server, code, _ = changing(tmp_path, uwsgi, need_app=True, py_autoreload=1)
    good = code.read_text()
    code.write_text("app = (\n")
    server.wait_log("has changed and does not compile: .*; the old code serves on", timeout=20)
    assert httpx.get(server.url).text == "hello"
    code.write_text("import no_such_module\n")
    server.wait_log("No module named 'no_such_module'.*; 0 of 4 workers serve on", timeout=30)
    code.write_text(good + "# mended\n")
    server.wait_accepting(8, timeout=30)
    assert httpx.get(server.url).text == "hello"


@pytest.mark.long
def test_mended_code_is_served_before_the_pause_is_over(uwsgi: Servers, tmp_path: Path) -> None:
    server, code, _ = changing(tmp_path, uwsgi)
    good = code.read_text()
    code.write_text("app = (\n")
    os.kill(server.worker_pids()[0], signal.SIGINT)
    server.wait_log(r"next try is in 10 s", timeout=40)
    began = time.monotonic()
    time.sleep(0.6)  # Until the worker has seen the file once.
    code.write_text(good + "# mended\n")
    server.wait_accepting(5)
    assert time.monotonic() - began < 8


def test_a_reload_of_a_broken_ini_goes_on_trying(uwsgi: Servers) -> None:
    """The master is the same process after a SIGHUP, and keeps its sockets: connections wait for the mended ini."""
    server = uwsgi(processes=2, lazy_apps=True, need_app=True)
    good = server.ini.read_text()
    server.ini.write_text(good + "trio-drain-linger = soon\n")
    server.signal(signal.SIGHUP)
    server.wait_log("trio-drain-linger = soon: allowed is .*; 0 of 2 workers serve on", timeout=20)
    server.ini.write_text(good)
    server.signal(signal.SIGHUP)
    server.wait_accepting(4)
    assert httpx.get(server.url).text == "hello"
    eventually(lambda: len(server.worker_pids()) == 2)
