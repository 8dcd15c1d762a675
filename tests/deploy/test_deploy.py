"""The configurations of deploy/ that need neither nginx nor systemd: the Emperor, the subscription system."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.deploy import APP, deployed
from support.front import Address
from support.http1 import Http1
from support.ini import UWSGI, free_port
from support.log import ACCEPTING
from support.processes import kill, session_members
from support.routers import new_address
from support.waiting import eventually


@contextmanager
def run(command: list[str], log: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all that it starts, ended together."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        kill(session_members(process.pid))
        process.wait(10)


def check_metrics(log: Path) -> None:
    """Whether the workers keep all of them; a worker says before its first answer what is missing."""
    assert "getting INI configuration from exec://" in log.read_text()
    assert not re.search("metrics are (not declared|kept)", log.read_text()), log.read_text()


def answer(target: Address | Path) -> bytes:
    with Http1(target) as client:
        return client.get("/").body


def test_the_emperor_starts_reloads_and_ends_a_vassal(tmp_path: Path) -> None:
    vassals = tmp_path / "vassals"
    vassals.mkdir()
    names = {"/etc/trio-worker/vassals": str(vassals)}
    emperor = deployed("emperor/emperor.ini", tmp_path / "emperor.ini", names)
    log, path = tmp_path / "log", tmp_path / "app.sock"

    def accepting() -> int:
        return len(re.findall(ACCEPTING, log.read_text()))

    with run([UWSGI, "--ini", str(emperor)], log):
        vassal = deployed("emperor/vassal.ini", vassals / "app.ini", APP | {"/run/trio-worker": str(tmp_path)})
        eventually(lambda: accepting() == 2, 20, log.read_text)
        assert answer(path) == b"hello"
        check_metrics(log)
        later = vassal.stat().st_mtime + 10
        os.utime(vassal, (later, later))
        eventually(lambda: accepting() == 4, 20, log.read_text)
        assert answer(path) == b"hello"
        vassal.unlink()
        eventually(lambda: "removed uwsgi instance app.ini" in log.read_text(), 20, log.read_text)


@pytest.mark.parametrize("end", ["removed", "stopped"])
def test_a_vassal_that_is_ended_lets_requests_finish(tmp_path: Path, end: str) -> None:
    vassals, log, path = tmp_path / "vassals", tmp_path / "log", tmp_path / "app.sock"
    vassals.mkdir()
    emperor = deployed("emperor/emperor.ini", tmp_path / "emperor.ini", {"/etc/trio-worker/vassals": str(vassals)})
    names = APP | {"/run/trio-worker": str(tmp_path), "app:app": "probe:app"}
    vassal = deployed("emperor/vassal.ini", vassals / "app.ini", names)
    with run([UWSGI, "--ini", str(emperor)], log) as process:
        eventually(lambda: len(re.findall(ACCEPTING, log.read_text())) == 2, 20, log.read_text)
        with Http1(path) as client:
            client.request("/sleep?seconds=3")
            eventually(lambda: "sleeping" in log.read_text())
            if end == "removed":
                vassal.unlink()
            else:
                process.terminate()
            assert client.response().text == "slept"
        if end == "stopped":
            assert process.wait(20) == 0
        eventually(lambda: not path.exists(), 20, log.read_text)


def test_a_node_subscribes_to_a_router(tmp_path: Path) -> None:
    front, node = new_address(), new_address()
    server = f"127.0.0.1:{free_port()}"
    router = deployed(
        "subscription/router.ini",
        tmp_path / "router.ini",
        {"http = :80": f"http = {front[0]}:{front[1]}", "10.0.0.1:7000": server},
    )
    ini = deployed(
        "subscription/node.ini",
        tmp_path / "node.ini",
        APP
        | {
            "10.0.0.1:7000": server,
            "trio-uwsgi-allow = 10.0.0.1": "trio-uwsgi-allow = 127.0.0.1",
            "address=10.0.0.2": "address=127.0.0.1",
            "%(address):8000": f"%(address):{node[1]}",
        },
    )
    with run([UWSGI, "--ini", str(router)], tmp_path / "router"), run([UWSGI, "--ini", str(ini)], tmp_path / "node"):
        eventually(lambda: _host_answers(front) == b"hello", 20, (tmp_path / "node").read_text)
        check_metrics(tmp_path / "node")


def _host_answers(front: Address) -> bytes:
    with Http1(front) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: app.example.org\r\n\r\n")
        return client.response().body
