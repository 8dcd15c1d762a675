"""An instance that root starts and that drops its rights (`uid`, `gid`): what its workers do, they do as that user."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.certificates import Authority, connect_tls
from support.figures import with_status
from support.http1 import Http1
from support.ini import CHECKOUT, free_port
from support.status import BEARER, TOKEN, ask, state
from support.uwsgi import Server, Servers, servers
from support.waiting import eventually

from trio_worker.check import check

NOBODY = 65534


def may_run() -> bool:
    """Return True if that user can run this Python, and read what it runs."""
    with suppress(OSError):
        command = [sys.executable, "-c", "import trio_worker"]
        done = subprocess.run(
            command, cwd=CHECKOUT, user=NOBODY, group=NOBODY, extra_groups=[], stderr=subprocess.DEVNULL
        )
        return done.returncode == 0
    return False


pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop"),
    pytest.mark.skipif(os.geteuid() == 0 and not may_run(), reason="user 65534 may not read this Python or checkout"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of that user's, which it can reach: those of pytest are for one user alone."""
    with TemporaryDirectory(dir="/tmp") as name:
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)


@pytest.fixture
def dropped(folder: Path) -> Iterator[Servers]:
    """Starts an instance in the folder, with all that needs rights."""
    usual: Any = {"uid": NOBODY, "gid": NOBODY, "processes": 2, "module": "mirror:app", "need-app": True}
    with servers(iter([folder]), usual) as started:
        yield started


def certificate(authority: Authority, folder: Path, mode: int) -> str:
    """A certificate and its key as an ini names them, which that user's group may read where the mode lets it."""
    files = [shutil.copy(each, folder) for each in authority.serve("server.test")]
    for each in files:
        os.chown(each, 0, NOBODY)
        os.chmod(each, mode)
    return ",".join(map(str, files))


def users(server: Server) -> set[int]:
    return {Path(f"/proc/{pid}").stat().st_uid for pid in (server.master_pid, *server.worker_pids())}


def accepting(server: Server) -> bool:
    return [each["state"] for each in state(server)["workers"]] == ["accepting"] * 2


def test_everything_goes_on_through_reloads(dropped: Servers, authority: Authority, folder: Path, plugin: Path) -> None:
    secure = ("127.0.0.1", free_port())
    loadable = shutil.copy(plugin, folder)
    (folder / "spool").mkdir()
    os.chown(folder / "spool", NOBODY, NOBODY)
    server = dropped(
        plugin=loadable,
        https_socket=f"{secure[0]}:{secure[1]},{certificate(authority, folder, 0o640)}",
        req_logger=f"file:{folder}/requests",
        spooler=folder / "spool",
        trio_status_token=TOKEN,
        **with_status(),
    )
    done: list[str] = []
    for reload in ("c", "r", "token"):
        assert users(server) == {NOBODY}
        eventually(lambda: accepting(server))
        done.append(reload)
        for target in (server.address, server.unix_path):
            with Http1(target) as client:
                assert client.get(f"/scope/{reload}").status == 200
        with connect_tls(secure, authority.client_context()) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.makefile("rb").read().endswith(b"hello")
        eventually(lambda: (folder / "requests").read_text().count("GET /scope") >= 2 * len(done))
        if reload != "token":
            server.reload(reload)
    before = set(server.worker_pids())
    assert ask(server, "/reload", BEARER, "POST")[0] == 200
    eventually(lambda: not before & set(server.worker_pids()) and accepting(server), 30)
    assert users(server) == {NOBODY}


def test_a_key_that_only_root_may_read_is_told_by_the_check_and_by_the_start(
    dropped: Servers, authority: Authority, folder: Path
) -> None:
    server = dropped(https_socket=f"127.0.0.1:{free_port()},{certificate(authority, folder, 0o600)}", ready=False)
    server.wait_log(r"https-socket = .*: allowed is a certificate, its key and authorities in PEM .*Permission denied")
    server.wait_end()
    assert [each.message for each in check(str(server.ini)) if "user 65534 may not read" in each.message]
