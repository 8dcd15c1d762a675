"""`trio-worker reload`: new code that works replaces the workers, new code that does not touches none of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.http1 import connect
from support.ini import CHECKOUT
from support.load import Ask, hammer
from support.log import ACCEPTING, CHAIN_END
from support.uwsgi import Server, Servers
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

RELOADS = int(os.environ.get("TRIO_TEST_RELOADS", "4"))

APP = "from probe import app as probe\nasync def app(scope, receive, send):\n    await probe(scope, receive, send)\n"

BROKEN = {
    "syntax": ("app = (\n", "SyntaxError"),
    "import": ("import no_such_module\n", "No module named 'no_such_module'"),
    "startup": ("from broken import startup_fails as app\n", "lifespan startup failed: no database today"),
}


def command(server: Server, *arguments: str, what: str = "reload") -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "trio_worker", what, str(server.ini), *arguments]
    return subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, timeout=90)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "changing.py"
    path.write_text(APP)
    return path


def start(uwsgi: Servers, code: Path, **more: Any) -> Server:
    options: dict[str, Any] = {
        "module": None,
        "wsgi_file": code,
        "callable": "app",
        "lazy_apps": True,
        "disable_logging": True,
    }
    return uwsgi(processes=2, **options, **more)


def test_every_other_reload_is_of_broken_code(uwsgi: Servers, code: Path) -> None:
    server = start(uwsgi, code)
    pids = server.worker_pids()
    with hammer(server.address, [Ask("/", expected=b"hello")], clients=2) as tally:
        for mistake, why in BROKEN.values():
            code.write_text(mistake)
            done = command(server)
            assert done.returncode == 1, done.stdout
            assert why in done.stdout
            assert "Warning" not in done.stdout + done.stderr
            assert server.worker_pids() == pids
            code.write_text(APP)
            done = command(server)
            assert done.returncode == 0, done.stdout + done.stderr + server.log
            assert "1 of 2: the new worker" in done.stdout
            assert set(server.worker_pids()).isdisjoint(pids)
            pids = server.worker_pids()
    assert tally.failures == []
    assert server.count(ACCEPTING) == 2 + 2 * len(BROKEN)


def by_command(server: Server, works: bool) -> None:
    assert command(server).returncode == (0 if works else 1)


def by_touch(server: Server, works: bool) -> None:
    """Broken code is tried by one worker again and again; when it is mended, all of them take it up."""
    touched = Path(str(server.options["touch-chain-reload"]))
    later = touched.stat().st_mtime + 10
    os.utime(touched, (later, later))
    if not works:
        server.wait_log(r"1 of 2 workers serve on", count=server.count("1 of 2 workers serve on") + 1, timeout=30)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize("reload", [by_command, by_touch])
def test_clients_of_every_kind_notice_nothing(
    uwsgi: Servers, code: Path, reload: Callable[[Server, bool], None]
) -> None:
    """TRIO_TEST_RELOADS says how many; 20 is the real thing. A WebSocket client is closed by 1012, and comes back."""
    touched = code.with_name("touched")
    touched.touch()  # A file that comes later counts as touched.
    server = start(uwsgi, code, touch_chain_reload=touched)
    time.sleep(1.5)  # Until the master has looked at the file once.
    wrk = ["wrk", "-t1", "-c32", f"-d{60 + 10 * RELOADS}s", server.url + "/"]
    stop, sessions = threading.Event(), Sessions(server)
    thread = threading.Thread(target=sessions.run, args=(stop,))
    with subprocess.Popen(wrk, stdout=subprocess.PIPE, text=True) as load:
        thread.start()
        try:
            for number in range(RELOADS):
                works, chains = number % 2 == 1, server.count(CHAIN_END)
                code.write_text(APP + f"# {number}\n" if works else "import no_such_module\n")
                reload(server, works)
                if works:
                    server.wait_chain(chains + 1)
            assert load.poll() is None
        finally:
            load.send_signal(signal.SIGINT)
            output, _ = load.communicate(timeout=10)
            stop.set()
            thread.join(20)
    assert "requests in" in output
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output
    assert sessions.failures == []
    assert sessions.closes


class Sessions:
    """A WebSocket client that asks again and again, and opens a new session where the old one was closed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.closes = 0
        self.failures: list[str] = []

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with connect_websocket("ws://test/ws", sock=connect(self._server.address)) as session:
                    self._ask(session, stop)
            except ConnectionClosed as closed:
                self.closes += 1
                if closed.rcvd is None or closed.rcvd.code != 1012:
                    self.failures.append(repr(closed))
            except (OSError, InvalidMessage, InvalidStatus) as error:
                self.failures.append(repr(error))

    def _ask(self, session: ClientConnection, stop: threading.Event) -> None:
        while not stop.is_set():
            session.send("hello")
            if session.recv(timeout=10) != "hello":
                self.failures.append("another answer")
            time.sleep(0.01)


def test_the_answer_in_json_and_a_probe(uwsgi: Servers, code: Path) -> None:
    server = start(uwsgi, code)
    done = command(server, "--json", "--probe", "/")
    assert json.loads(done.stdout)["replaced"] == 2
    code.write_text(APP.replace("    await probe", "    assert scope['type'] != 'http', 'no answer'\n    await probe"))
    done = command(server, "--json", "--probe", "/")
    assert json.loads(done.stdout)["status"] == done.returncode == 1
    assert server.count(ACCEPTING) == 4


def test_a_worker_that_does_not_come_back(uwsgi: Servers, code: Path) -> None:
    """The code works in a process of its own, and not in a worker."""
    server = start(uwsgi, code)
    code.write_text("import sys\nassert 'uwsgi' not in sys.modules\n" + APP)
    done = command(server, "--timeout", "2")
    assert done.returncode == 2
    assert "0 of 2 workers are new; 1 serve" in done.stdout
    code.write_text(APP)
    server.wait_chain(1)


def test_a_worker_that_starts_meanwhile_is_replaced_as_well(uwsgi: Servers, code: Path) -> None:
    """A chain reload passes over it (core/master_checks.c), and it may have loaded what was there before."""
    code.write_text("import time\nprint('old code', flush=True)\ntime.sleep(2)\nfrom slow_start import app\n")
    server = start(uwsgi, code)
    killed, other = server.worker_pids()
    os.kill(killed, signal.SIGKILL)
    server.wait_log("^old code", count=3)
    (starting,) = set(server.worker_pids()) - {killed, other}
    code.write_text(APP)
    done = command(server)
    assert done.returncode == 0, done.stdout + done.stderr + server.log
    assert "2 workers accept with the new code" in done.stdout
    assert {starting, other}.isdisjoint(server.worker_pids())


def test_an_order_amid_a_chain_is_given_again(uwsgi: Servers) -> None:
    """UWSGI does not hear it, and the worker that the chain has replaced already may have the old code."""
    server = uwsgi(module="slow_start:app", processes=2, lazy_apps=True)
    pids = server.worker_pids()
    server.fifo("c")
    server.wait_log(ACCEPTING, count=3, timeout=20)
    pids += server.worker_pids()
    done = command(server, "--timeout", "15")
    assert done.returncode == 0, done.stdout + server.log
    assert server.count("chain reload already running") == 1
    assert set(server.worker_pids()).isdisjoint(pids)


def test_no_master_reads_the_fifo(uwsgi: Servers, code: Path) -> None:
    server = start(uwsgi, code)
    done = command(server, "--fifo", str(code))
    assert done.returncode == 1
    assert "no FIFO" in done.stdout
    done = command(server, "--fifo", str(code.with_name("missing")))
    assert done.returncode == 1
    assert "no such FIFO: the master makes it" in done.stdout


def test_check_starts_the_app(uwsgi: Servers, code: Path) -> None:
    code.write_text(BROKEN["startup"][0])
    server = uwsgi.write(module=None, wsgi_file=code, callable="app", lazy_apps=True)
    assert command(server, what="check").returncode == 0
    done = command(server, "--app", what="check")
    assert done.returncode == 1
    assert "no database today" in done.stdout
