"""`trio-worker run`: one command, a real uWSGI, what a newcomer sees, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1
from support.https import Https
from support.ini import CHECKOUT, UWSGI
from support.processes import alive, session_members
from support.run import APPS, running
from support.waiting import eventually


def test_it_serves_says_so_in_five_lines_and_ends_gracefully(tmp_path: Path) -> None:
    with running(tmp_path, "--no-plugin", "--workers", "2", "--bind", f"unix:{tmp_path}/s") as run:
        run.wait(r"\[worker 1\] INFO trio_worker.worker: accepting on ")
        lines = run.output.splitlines()
        assert re.match(r"trio-worker \S+ serves probe:app, without the native plugin$", lines[0])
        assert lines[1] == f"  at      http://127.0.0.1:{run.address[1]}/  {tmp_path}/s"
        assert lines[2:4] == ["  by      2 workers", "  Ctrl-C  lets requests finish and ends; once more ends at once"]
        assert len(lines) < 12, run.output
        with Http1(tmp_path / "s") as client:
            assert client.get("/").text == "hello"
        with Http1(run.address) as client:
            client.request("/sleep?seconds=1")
            run.wait("sleeping")
            run.process.send_signal(signal.SIGINT)
            assert client.response().text == "slept"
        assert run.process.wait(timeout=20) == 0
        assert "Traceback" not in run.output


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--no-plugin") as run:
        run.wait("accepting on")
        with Http1(run.address) as client:
            client.request("/sleep?seconds=60")
            run.wait("sleeping")
            run.process.send_signal(signal.SIGINT)
            run.wait("draining")
            began = time.monotonic()
            run.process.send_signal(signal.SIGINT)
            run.process.wait(timeout=20)
            assert time.monotonic() - began < 10


def test_the_plugin_is_built_once(tmp_path: Path) -> None:
    for times in (1, 0):
        with running(tmp_path) as run:
            run.wait("accepting on")
            assert "with the native plugin" in run.output
            assert run.output.count("building the native plugin") == times


def test_tls_logs_and_options(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    arguments = ["--certfile", str(certificate), "--keyfile", str(key), "--log-json", "--set", "trio-health=/up"]
    with running(tmp_path, "--no-plugin", *arguments) as run:
        run.wait("accepting on")
        assert f"https://127.0.0.1:{run.address[1]}/" in run.output
        with Https(connect_tls(run.address, authority.client_context())) as client:
            assert client.get("/up").body == b"This worker serves.\n"
            client.get("/")
        run.wait('"uri":"/"')
        assert f"accepting on https://127.0.0.1:{run.address[1]}/" in run.output


def test_an_app_that_does_not_load_ends_it_with_the_reason(tmp_path: Path) -> None:
    with running(tmp_path, "--no-plugin", app="no_such_module:app") as run:
        assert run.process.wait(timeout=30) == 22
        assert "No module named 'no_such_module'" in run.output


def test_a_port_that_another_process_has(tmp_path: Path) -> None:
    with running(tmp_path, "--no-plugin") as run:
        run.wait("accepting on")
        (tmp_path / "other").mkdir()
        with running(tmp_path / "other", "--bind", f"127.0.0.1:{run.address[1]}") as other:
            assert other.process.wait(timeout=20) == 1
            assert f"127.0.0.1:{run.address[1]} cannot be listened on: Address already in use" in other.output


def test_the_ini_can_be_taken_along(tmp_path: Path) -> None:
    with running(tmp_path, "--no-plugin", "--print-ini") as printing:
        assert printing.process.wait(timeout=20) == 0
        (tmp_path / "uwsgi.ini").write_text(printing.output)
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen([UWSGI, "uwsgi.ini"], cwd=tmp_path, stdout=file, stderr=file) as uwsgi,
    ):
        try:
            eventually(lambda: "accepting on" in log.read_text(), 30, log.read_text)
            with Http1(printing.address) as client:
                assert client.get("/").text == "hello"
        finally:
            uwsgi.send_signal(signal.SIGTERM)
            assert uwsgi.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("argument", "lines"),
    [
        ("--reload", ["py-autoreload = 1", "processes = 1"]),
        ("--status=127.0.0.1:9", ["socket = 127.0.0.1:9", "trio-status = 127.0.0.1:9"]),
        ("--engine=hypercorn", ["trio-engine = hypercorn"]),
        ("--no-access-log", ["disable-logging = true"]),
        ("--workers=3", ["processes = 3"]),
        ("--set=harakiri = 30", ["harakiri = 30"]),
        ("--set=vacuum", ["vacuum = true"]),
    ],
)
def test_what_an_argument_means_to_uwsgi(tmp_path: Path, argument: str, lines: list[str]) -> None:
    with running(tmp_path, "--no-plugin", "--print-ini", argument) as run:
        assert run.process.wait(timeout=20) == 0
        assert set(lines) <= set(run.output.splitlines())


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["--set", "=3"], 1, "--set =3: allowed is option=value"),
        (["--workers", "none"], 2, "'none' is no number of workers, 1 or more"),
    ],
)
def test_arguments_that_are_wrong(tmp_path: Path, arguments: list[str], status: int, reason: str) -> None:
    with running(tmp_path, "--no-plugin", *arguments) as run:
        assert run.process.wait(timeout=20) == status
        assert reason in run.output


def test_without_a_uwsgi_it_says_how_to_install_one(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python3"
    packages = os.pathsep.join([str(CHECKOUT), *(path for path in sys.path if path.endswith("site-packages"))])
    done = subprocess.run(
        [python, "-m", "trio_worker", "run", "probe:app"],
        cwd=APPS,
        env={"PYTHONPATH": packages, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "pip install 'trio-worker[uwsgi]'" in done.stderr


def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    with running(tmp_path, "--no-plugin") as run:
        run.wait("accepting on")
        (master,) = [int(each) for each in re.findall(r"\d+", _children(run.process.pid))]
        run.process.send_signal(signal.SIGTERM)
        run.process.wait(timeout=20)
        assert not alive(master)
        assert session_members(master) == []


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()
