"""Start one server on the server's core, wait until it answers, and leave nothing of it behind.

A server is a process tree: `workers()` are its leaves, the processes that run the application.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from .clients import fetch
from .cores import on_server_core
from .load import Load, Target
from .processor import cpu_seconds
from .servers import Flavour, Server
from .site import Site
from .uwsgi_ini import CHECKOUT, OVERRIDE

# The slowest start seen here is two hypercorn workers sharing one core, at 3 s.
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02

QUART = {Flavour.TRIO: "benchmarks.apps.quart_trio_app:app", Flavour.ASYNCIO: "benchmarks.apps.quart_app:app"}
BARE = {
    Flavour.TRIO: "benchmarks.apps.bare:app",
    Flavour.ASYNCIO: "benchmarks.apps.bare:app",
    Flavour.WSGI: "benchmarks.apps.wsgi:application",
}


class Unavailable(Exception):
    """This server cannot be measured here; the message is one line for the reader of the report."""


@dataclass(frozen=True)
class Running:
    """A server that has answered."""

    server: Server
    site: Site
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def url(self) -> str:
        return self.target.url.rstrip("/")

    @property
    def target(self) -> Target:
        return Target(self.site.port, tls=self.site.certificate is not None)

    def tree(self) -> list[psutil.Process]:
        """The master, where there is one, and everything below it."""
        master = psutil.Process(self.process.pid)
        return [master, *master.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """The processes that run the application: the leaves, without Python's own resource tracker."""
        alive = [process for process in self.tree() if _runs_something(process)]
        parents = {parent for process in alive if (parent := _parent(process)) is not None}
        return [process for process in alive if process.pid not in parents]

    def measure(self, load: Callable[[], Load]) -> Load:
        """Run a load, and add to its counts the processor time that the workers took."""
        workers = self.workers()
        before = cpu_seconds(workers)
        counted = load()
        if not counted.requests:
            raise Unavailable(f"no request was answered: {self.log_tail()}")
        if counted.failed >= counted.requests:
            raise Unavailable(f"{counted.failed} of {counted.requests} requests failed: {self.log_tail()}")
        return replace(counted, cpu_seconds=cpu_seconds(workers) - before)

    def log_tail(self, lines: int = 4) -> str:
        """Return its last lines, without a traceback's frames: what is published names no folder of this machine."""
        said = [line.strip(" |+-") for line in self.log.read_text(errors="replace").splitlines()]
        return " | ".join([line for line in said if line and not line.startswith('File "')][-lines:])


def _runs_something(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        tracks_only = "resource_tracker" in " ".join(process.cmdline())
        return not tracks_only and process.status() != psutil.STATUS_ZOMBIE
    return False


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


@contextlib.contextmanager
def running(
    server: Server,
    apps: Mapping[Flavour, str],
    override: Path = OVERRIDE,
    *,
    over_unix: bool = False,
    **settings: Any,
) -> Iterator[Running]:
    """The started server, for the length of a with block; `settings` are fields of `Site`.

    Raises `Unavailable` when something that the server needs is missing, it ends, or it does not answer in
    time.
    """
    with tempfile.TemporaryDirectory(prefix="trio-worker-bench-") as name:
        folder = Path(name)
        unix = folder / "server.sock" if over_unix else None
        site = Site(apps[server.flavour], folder, override, free_port(), unix, **settings)
        if missing := server.missing(site):
            raise Unavailable(missing)
        with _process(server, site) as started:
            _wait_until_listening(started)
            yield started


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(server: Server, site: Site) -> Iterator[Running]:
    log = site.folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            on_server_core(server.command(site)),
            cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield Running(server, site, process, log)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGINT is every server's quick stop (uWSGI's SIGTERM is a reload); then its session is killed."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_until_listening(started: Running) -> None:
    def ready() -> bool:
        if started.process.poll() is not None:
            raise Unavailable(f"ended with status {started.process.returncode}: {started.log_tail()}")
        if started.site.unix:
            return started.site.unix.exists()
        return answering_pid(started.site.port, started.target.tls) is not None

    if not wait_for(ready, START_SECONDS):
        raise Unavailable(f"no answer within {START_SECONDS:.0f} s: {started.log_tail()}")


def answering_pid(port: int, tls: bool = False) -> int | None:
    """Return the id of the worker process that answers a new connection, or None when none does."""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        status, body = fetch(port, "/pid", tls=tls)
        return int(body) if status == 200 else None
    return None


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
