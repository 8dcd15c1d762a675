"""The mistakes of a newcomer: each is told in one line, in uWSGI's log, which `run` shows, and by `check`."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ini import CHECKOUT, free_port
from support.uwsgi import Servers

HELLO = "from probe import app\n"
KINDS = """\
from kinds import flask_app, for_asyncio
from probe import app


def create_app():
    return app


async def async_factory():
    return app


class App:
    async def __call__(self, scope, receive, send):
        pass
"""

# Target, and the file that it should mean, to the line; {} is the folder.
MISTAKES = {
    "another folder": ("main:app", "src/main.py", "there is one in {0}/src: add `pythonpath = {0}/src`, or `chdir"),
    "another folder, of a package": ("web.main:app", "src/web/main.py", "there is one in {0}/src: add `pythonpath"),
    "a misspelt module": ("mian:app", "main.py", "No module named 'mian'; perhaps 'main' is meant"),
    "a misspelt attribute": ("main:ap", "main.py", "has no 'ap', which 'main:ap' asks for; perhaps 'app' is meant"),
    "no attribute": ("main", "main.py", "has no 'application', which 'main' asks for; perhaps main:app is meant"),
    "a dot for the colon": ("main.app", "main.py", "'main' is not a package; perhaps main:app is meant"),
    "a file for the module": ("main.py:app", "main.py", "'main' is not a package; perhaps main:app is meant"),
    "a factory without parentheses": ("main:create_app", "main.py", r"a factory is named main:create_app\(\)"),
    "an async factory": ("main:async_factory()", "main.py", r"the factory of 'main:async_factory\(\)' is async"),
    "a class": ("main:App", "main.py", r"is a class; the app is an instance of it, as in app = App\(\)"),
    "a Quart for asyncio": ("main:for_asyncio", "main.py", "is a Quart for asyncio; Trio runs QuartTrio: from"),
}  # fmt: skip

BROKEN = """\
import helper

app = helper.app
"""
HELPER = """\
def divide():
    return 1 / 0


app = divide()
"""


def project(folder: Path, file: str, code: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.name == "web":
        (path.parent / "__init__.py").touch()
    path.write_text(code)


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests" / "apps")])
    return subprocess.run(
        [sys.executable, "-m", "trio_worker", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def run(folder: Path, target: str, *arguments: str) -> str:
    port = f"127.0.0.1:{free_port()}"
    done = command(folder, "run", target, "--no-plugin", "--workers", "1", "--bind", port, *arguments)
    assert done.returncode != 0, done.stdout
    # What uWSGI adds to it tells nobody anything.
    assert "OOPS" not in done.stdout
    assert "need-app" not in done.stdout
    return done.stdout


def lines(text: str, word: str) -> Iterator[str]:
    return (line for line in text.splitlines() if word in line)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_is_told_in_one_line(tmp_path: Path, mistake: str) -> None:
    target, file, expected = MISTAKES[mistake]
    project(tmp_path, file, KINDS if file == "main.py" else HELLO)
    expected = expected.format(re.escape(str(tmp_path)))
    (told,) = lines(run(tmp_path, target), "CRITICAL")
    assert re.search(expected, told), told
    (tmp_path / "uwsgi.ini").write_text(f"[uwsgi]\nmodule = {target}\nmaster = true\n")
    (told,) = lines(command(tmp_path, "check", "uwsgi.ini").stdout, ": module: ")
    assert told.startswith("error: ")
    assert re.search(expected, told), told


def test_an_import_that_fails_inside_the_app_shows_the_apps_own_traceback(tmp_path: Path) -> None:
    project(tmp_path, "main.py", BROKEN)
    project(tmp_path, "helper.py", HELPER)
    output = run(tmp_path, "main:app")
    assert re.search(r"CRITICAL .*cannot import 'main' .*: ZeroDivisionError: .*helper\.py, line 2", output)
    frames = re.findall(r'File "(.*)", line (\d+)', output)
    assert frames == [(f"{tmp_path}/main.py", "1"), (f"{tmp_path}/helper.py", "5"), (f"{tmp_path}/helper.py", "2")]


def test_a_module_that_the_app_misses_is_looked_for_as_well(tmp_path: Path) -> None:
    project(tmp_path, "main.py", BROKEN)
    project(tmp_path, "lib/helper.py", HELLO)
    assert re.search(rf"main\.py, line 1\); there is one in {tmp_path}/lib: add `pythonpath", run(tmp_path, "main:app"))


def test_an_environment_is_no_place_for_modules_of_ones_own(tmp_path: Path) -> None:
    project(tmp_path, "env/lib/main.py", HELLO)
    project(tmp_path, "env/pyvenv.cfg", "")
    assert "there is one in" not in run(tmp_path, "main:app")


def test_a_misspelt_option_of_ours(tmp_path: Path) -> None:
    project(tmp_path, "main.py", HELLO)
    output = run(tmp_path, "main:app", "--set", "trio-keepalive-timeot=3")
    expected = (
        "trio-keepalive-timeot = 3: there is no such option of this worker; perhaps trio-keepalive-timeout is meant"
    )
    assert expected in output
    (tmp_path / "uwsgi.ini").write_text("[uwsgi]\nmodule = main:app\ntrio-keepalive-timeot = 3\n")
    output = command(tmp_path, "check", "uwsgi.ini").stdout
    assert "there is no such option of this worker: did you mean trio-keepalive-timeout?" in output


def test_a_port_that_another_process_has(uwsgi: Servers) -> None:
    first = uwsgi()
    second = uwsgi(socket=f"127.0.0.1:{first.address[1]}", ready=False)
    second.wait_log(rf"uWSGI is running on the same address \(127\.0\.0\.1:{first.address[1]}\)")
    assert second.wait_end() == 1


def test_master_is_missing(uwsgi: Servers, tmp_path: Path) -> None:
    server = uwsgi(master=None, master_fifo=None)
    server.wait_log(r"\[worker 1\] WARNING .*: `master = true` is missing: nothing reloads or replaces this worker")
    assert server.count("is missing") == 1


def test_the_fork_hooks_are_missing(uwsgi: Servers) -> None:
    dies = sys.version_info >= (3, 13)
    server = uwsgi(py_call_uwsgi_fork_hooks=None, shared_import="trio_worker.early_signals", ready=not dies)
    server.wait_log("`py-call-uwsgi-fork-hooks = true` is missing: every worker (dies|would die) at once on ")
    if dies:
        server.wait_log(r"DAMN ! worker 1 .* died, killed by signal 6", timeout=30)
        server.process.kill()  # Its workers die faster than it looks at a signal.
        server.process.wait()
        server.unix_path.unlink(missing_ok=True)
