"""`trio-worker reload`: new code that works replaces the workers, new code that does not touches none of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.ini import CHECKOUT
from support.load import Ask, hammer
from support.log import ACCEPTING
from support.uwsgi import Server, Servers

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


def start(uwsgi: Servers, code: Path) -> Server:
    options: dict[str, Any] = {
        "module": None,
        "wsgi_file": code,
        "callable": "app",
        "lazy_apps": True,
        "disable_logging": True,
    }
    return uwsgi(processes=2, **options)


def test_every_other_reload_is_of_broken_code(uwsgi: Servers, code: Path) -> None:
    server = start(uwsgi, code)
    pids = server.worker_pids()
    with hammer(server.address, [Ask("/", expected=b"hello")], clients=2) as tally:
        for mistake, why in BROKEN.values():
            code.write_text(mistake)
            done = command(server)
            assert done.returncode == 1, done.stdout
            assert why in done.stdout
            assert server.worker_pids() == pids
            code.write_text(APP)
            done = command(server)
            assert done.returncode == 0, done.stdout + done.stderr + server.log
            assert "1 of 2: the new worker" in done.stdout
            assert set(server.worker_pids()).isdisjoint(pids)
            pids = server.worker_pids()
    assert tally.failures == []
    assert server.count(ACCEPTING) == 2 + 2 * len(BROKEN)


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


def test_no_master_reads_the_fifo(uwsgi: Servers, code: Path) -> None:
    server = start(uwsgi, code)
    done = command(server, "--fifo", str(code))
    assert done.returncode == 1
    assert "no FIFO" in done.stdout


def test_check_starts_the_app(uwsgi: Servers, code: Path) -> None:
    code.write_text(BROKEN["startup"][0])
    server = uwsgi.write(module=None, wsgi_file=code, callable="app", lazy_apps=True)
    assert command(server, what="check").returncode == 0
    done = command(server, "--app", what="check")
    assert done.returncode == 1
    assert "no database today" in done.stdout
