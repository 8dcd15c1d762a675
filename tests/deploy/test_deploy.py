"""The configurations of deploy/ that need no nginx: systemd's sockets, the Emperor, the subscription system."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.deploy import APP, DEPLOY, deployed
from support.front import Address
from support.http1 import Http1
from support.ini import UWSGI, free_port
from support.log import ACCEPTING
from support.processes import kill, session_members
from support.routers import new_address
from support.waiting import eventually

pytestmark = pytest.mark.engines("express")


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


def test_systemd_brings_the_sockets(tmp_path: Path) -> None:
    activate = shutil.which("systemd-socket-activate")
    address, path = new_address(), tmp_path / "s"
    names = {"/run/trio-worker/app.sock": str(path), "127.0.0.1:8000": f"{address[0]}:{address[1]}"}
    listens = [
        names[line.partition("=")[2]]
        for line in (DEPLOY / "systemd" / "trio-worker.socket").read_text().splitlines()
        if line.startswith("ListenStream=")
    ]
    assert listens == list(names.values())
    ini = deployed("systemd/app.ini", tmp_path / "app.ini", APP)
    starter = "import os,sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"
    uwsgi = [UWSGI, "--ini", str(ini)]
    if activate is not None:
        command = [activate, *(f"--listen={each}" for each in listens), *uwsgi]
        with run(command, tmp_path / "log"):
            _check_sockets(address, path, tmp_path / "log")
        return
    with socket.socket(socket.AF_UNIX) as first, socket.socket() as second:
        first.bind(str(path))
        second.bind(address)
        first.listen(100)
        second.listen(100)
        # systemd hands its sockets over as the descriptors from 3 on (sd_listen_fds(3)).
        wrap = (
            "import os,sys; a, b = os.dup2(int(sys.argv[1]), 50), os.dup2(int(sys.argv[2]), 51);"
            "os.dup2(a, 3); os.dup2(b, 4); del sys.argv[1:3];" + starter
        )
        descriptors = (first.fileno(), second.fileno())
        command = [sys.executable, "-c", wrap, *map(str, descriptors), *uwsgi]
        environment = {**os.environ, "LISTEN_FDS": "2"}
        with run(command, tmp_path / "log", pass_fds=descriptors, env=environment):
            _check_sockets(address, path, tmp_path / "log")


def _check_sockets(address: Address, path: Path, log: Path) -> None:
    for target in (address, path):
        eventually(lambda target=target: answer(target) == b"hello", 20, log.read_text)  # type: ignore[misc]
    check_metrics(log)


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
