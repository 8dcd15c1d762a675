"""The systemd unit of deploy/: its sockets, its own ExecReload, its stop and its restart, under load."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.deploy import APP, DEPLOY, deployed
from support.front import Address
from support.http1 import Http1
from support.ini import UWSGI
from support.load import Ask, hammer
from support.log import ACCEPTING, CHAIN_END
from support.processes import kill, session_members
from support.routers import new_address
from support.waiting import eventually

# systemd hands its sockets over as the descriptors from 3 on, and says to whom (sd_listen_fds(3)).
HAND_OVER = (
    "import os,sys; a, b = os.dup2(int(sys.argv[1]), 50), os.dup2(int(sys.argv[2]), 51);"
    "os.dup2(a, 3); os.dup2(b, 4); os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[3], sys.argv[3:])"
)


class Unit:
    """What systemd would run for trio-worker.service, with another place for its files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.address: Address = new_address()
        self.path = directory / "app.sock"
        self.ini = deployed("systemd/app.ini", directory / "app.ini", APP | {"/run/trio-worker": str(directory)})

    def listens(self) -> list[str]:
        text = (DEPLOY / "systemd" / "trio-worker.socket").read_text().replace("/run/trio-worker", str(self.directory))
        streams = re.findall("^ListenStream=(.*)$", text, re.MULTILINE)
        assert streams == [str(self.path), "127.0.0.1:8000"]
        return [streams[0], f"{self.address[0]}:{self.address[1]}"]

    def reload(self) -> None:
        unit = (DEPLOY / "systemd" / "trio-worker.service").read_text()
        (command,) = re.findall("^ExecReload=(.*)$", unit, re.MULTILINE)
        done = self.count(CHAIN_END)
        for theirs, ours in (APP | {"/etc/trio-worker": str(self.directory)}).items():
            command = command.replace(theirs, ours)
        subprocess.run(shlex.split(command), check=True, timeout=60)
        eventually(lambda: self.count(CHAIN_END) == done + 1, 30, self.log.read_text)

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.log.read_text()))

    def wait_accepting(self, count: int) -> None:
        eventually(lambda: self.count(ACCEPTING) >= count, 20, self.log.read_text)

    @contextmanager
    def run(self, command: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as file:
            process = subprocess.Popen(  # type: ignore[call-overload]
                command, stdout=file, stderr=file, cwd=self.directory, start_new_session=True, **options
            )
        try:
            yield process
        finally:
            kill(session_members(process.pid))
            process.wait(10)


def answer(target: Address | Path) -> bytes:
    with Http1(target) as client:
        return client.get("/").body


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd is not installed")
def test_it_reloads_under_socket_activation(tmp_path: Path) -> None:
    unit = Unit(tmp_path)
    listens = [f"--listen={each}" for each in unit.listens()]
    with unit.run(["systemd-socket-activate", *listens, UWSGI, "--ini", str(unit.ini)]):
        for target in (unit.address, unit.path):
            eventually(lambda target=target: answer(target) == b"hello", 20, unit.log.read_text)  # type: ignore[misc]
        unit.wait_accepting(2)
        unit.reload()
        assert [answer(target) for target in (unit.address, unit.path)] == [b"hello", b"hello"]
    assert unit.count(ACCEPTING) == 4


def test_reload_stop_and_restart_lose_nothing(tmp_path: Path) -> None:
    unit = Unit(tmp_path)
    with socket.socket(socket.AF_UNIX) as first, socket.create_server(unit.address, backlog=1024) as second:
        first.bind(str(unit.path))
        first.listen(1024)
        descriptors = (first.fileno(), second.fileno())
        command = [sys.executable, "-c", HAND_OVER, *map(str, descriptors), UWSGI, "--ini", str(unit.ini)]
        given = {"pass_fds": descriptors, "env": {**os.environ, "LISTEN_FDS": "2"}}
        with ExitStack() as services, hammer(unit.path, [Ask("/", expected=b"hello")], clients=2) as tally:
            service = services.enter_context(unit.run(command, **given))
            unit.wait_accepting(2)
            for _ in range(2):
                unit.reload()
            service.send_signal(signal.SIGTERM)
            assert service.wait(30) == 0
            services.enter_context(unit.run(command, **given))
            unit.wait_accepting(8)
            done = tally.requests
            eventually(lambda: tally.requests > done + 20)
    assert tally.failures == []
