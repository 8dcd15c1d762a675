"""The zerg pool of deploy/: a release takes the sockets over from another one, and gives them back."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.deploy import APP, deployed
from support.http1 import Http1
from support.ini import UWSGI
from support.load import Ask, hammer
from support.log import ACCEPTING
from support.processes import kill, session_members
from support.routers import new_address
from support.waiting import eventually

RELEASE = """\
from mirror import app as mirror


async def app(scope, receive, send):
    if scope["path"] != "/release":
        await mirror(scope, receive, send)
        return
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]}})
    await send({{"type": "http.response.body", "body": b"{number}"}})
"""


class Pool:
    """The files of the pool and of its releases in a directory of a test."""

    def __init__(self, directory: Path, plugin: Path) -> None:
        self.directory = directory
        self.plugin = plugin
        self.address = new_address()
        self.socket = directory / "app.sock"
        places = {"/run/trio-worker": str(directory), "127.0.0.1:8000": f"127.0.0.1:{self.address[1]}"}
        self.ini = deployed("zerg/pool.ini", directory / "pool.ini", places)

    def release(self, number: int, code: str = RELEASE) -> "Release":
        folder = self.directory / f"release-{number}"
        folder.mkdir(exist_ok=True)
        (folder / "release.py").write_text(code.format(number=number))
        places = APP | {
            "/srv/app/trio_plugin.so": str(self.plugin),
            "/run/trio-worker": str(self.directory),
            "app:app": "release:app",
        }
        ini = deployed("zerg/app.ini", folder / "app.ini", places, f"pythonpath = {folder}\n")
        return Release(ini, folder / "log")


class Release:
    """One release."""

    def __init__(self, ini: Path, log: Path) -> None:
        self.ini = ini
        self.log = log
        self.log.touch()
        self._before = self._count()

    def _count(self) -> int:
        return len(re.findall(ACCEPTING, self.log.read_text()))

    def wait_accepting(self) -> None:
        eventually(lambda: self._count() == self._before + 2, 30, self.log.read_text)


@contextmanager
def run(ini: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as file:
        process = subprocess.Popen(
            [UWSGI, "--ini", str(ini)], stdout=file, stderr=file, cwd=log.parent, start_new_session=True
        )
    try:
        yield process
    finally:
        kill(session_members(process.pid))
        process.wait(10)


def serving(pool: Pool) -> bytes:
    with Http1(pool.address) as client:
        return client.get("/release").body


def test_a_release_takes_over_and_gives_back(tmp_path: Path, plugin: Path) -> None:
    pool = Pool(tmp_path, plugin)
    with ExitStack() as stack:
        stack.enter_context(run(pool.ini, tmp_path / "log"))
        eventually((tmp_path / "zerg.sock").exists, 10, (tmp_path / "log").read_text)
        first = pool.release(1)
        running = stack.enter_context(run(first.ini, first.log))
        first.wait_accepting()
        with hammer(pool.socket, [Ask("/", expected=b"hello")], clients=2) as tally:
            for number in (2, 1):
                release = pool.release(number)
                process = stack.enter_context(run(release.ini, release.log))
                assert running.wait(30) == 0
                release.wait_accepting()
                assert serving(pool) == b"%d" % number
                running = process
    assert tally.failures == []
    assert tally.requests > 20


@pytest.mark.parametrize("broken", ["import no_such_module\n", "app = (\n"])
def test_a_broken_release_leaves_the_other_one_alone(tmp_path: Path, plugin: Path, broken: str) -> None:
    pool = Pool(tmp_path, plugin)
    with ExitStack() as stack:
        stack.enter_context(run(pool.ini, tmp_path / "log"))
        eventually((tmp_path / "zerg.sock").exists, 10, (tmp_path / "log").read_text)
        first, second = pool.release(1), pool.release(2, broken)
        running = stack.enter_context(run(first.ini, first.log))
        first.wait_accepting()
        for _ in range(2):
            process = stack.enter_context(run(second.ini, second.log))
            assert process.wait(30) == 22
        assert second.log.read_text().count("no worker has served yet, so the instance ends") >= 2
        assert running.poll() is None
        assert serving(pool) == b"1"
