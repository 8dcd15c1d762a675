"""
`trio-worker reload uwsgi.ini`: try the new code, then replace the workers, and see each of them accept.

The master is asked by its FIFO: for a chain reload with `lazy-apps`, otherwise for one of all workers at once. Who
accepts is read from the locks that workers hold on their listening socket (worker/siblings.py), as the kernel lists
them in /proc/locks; so neither a stats server nor the log is needed.
"""

import errno
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from trio_worker.check.configuration import Configuration
from trio_worker.check.trial import TrialError, try_app
from trio_worker.options import ini
from trio_worker.options import table as option_table
from trio_worker.options.formats import FormatError

# Exit statuses: the workers are new, the code would not start and nothing was touched, a worker did not come back.
RELOADED, BROKEN, STUCK = 0, 1, 2

# Seconds between two looks at the workers.
LOOK = 0.1

# Seconds without a change after which a chain reload is ordered again: uWSGI does not hear an order amid a chain.
AGAIN = 3.0

CHAIN, ALL = b"c", b"r"

# Added to the process id of a worker that starts, in its lock (worker/siblings.py).
STARTING = 1 << 32

# Fields of /proc/[pid]/stat behind the name of the process (proc(5)).
_PARENT = 1


@dataclass(frozen=True)
class Request:
    """A reload as the command line asks for it."""

    file: str
    fifo: str | None = None
    """The master's FIFO, where it is not the ini's `master-fifo`."""
    timeout: float = 60.0
    """Seconds that may pass without a new worker that accepts."""
    probe: str | None = None
    as_json: bool = False


def main(request: Request, out: TextIO) -> int:
    """Reload and tell how it went; returns the exit status."""
    report = _Report(out, request.as_json)
    try:
        configuration = Configuration(ini.read(request.file), option_table.load())
        try_app(configuration, request.probe)
        fifo = request.fifo or configuration.last("master-fifo")
        if fifo is None:
            return report.end(BROKEN, f"{request.file} has no master-fifo: name one with --fifo")
        path = Path(configuration.last("chdir") or "") / fifo
        is_lazy = configuration.is_on("lazy-apps") or configuration.is_on("lazy")
        return _reload(path, CHAIN if is_lazy else ALL, request.timeout, report)
    except (OSError, FormatError, TrialError) as error:
        return report.end(BROKEN, str(error))


def _reload(fifo: Path, command: bytes, timeout: float, report: "_Report") -> int:
    master = _master(fifo)
    _wait_started(master, timeout)
    old = set(_accepting(master))
    if not old:
        return report.end(STUCK, f"no worker of the master {master} accepts")
    _write(fifo, command)
    seen, moved, asked = set(old), time.monotonic(), time.monotonic()
    while not old.isdisjoint(serving := set(_accepting(master))) or len(serving) < len(old):
        now, new = time.monotonic(), serving - old
        for worker in serving - seen:
            report.progress(len(new), len(old), worker)
            moved = now
        seen |= serving
        if now > moved + timeout:
            return report.end(STUCK, f"{len(new)} of {len(old)} workers are new; {len(serving)} serve, see the log")
        is_at_rest = len(serving) >= len(old) and not any(_starting(master))
        if command == CHAIN and is_at_rest and now > max(asked, moved) + AGAIN:
            _write(fifo, command)
            asked = now
        time.sleep(LOOK)
    for worker in serving - seen:
        report.progress(len(serving), len(old), worker)
    return report.end(RELOADED, f"{len(serving)} workers accept with the new code")


def _wait_started(master: int, timeout: float) -> None:
    """Wait until those that start now accept or have ended: a chain passes over them, with the code that they have."""
    deadline = time.monotonic() + timeout
    starting = set(_starting(master))
    while not starting.isdisjoint(_starting(master)) and time.monotonic() < deadline:
        time.sleep(LOOK)


class _Report:
    """The words of the command: lines for people, or one object of JSON at the end."""

    def __init__(self, out: TextIO, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._replaced = 0

    def progress(self, done: int, total: int, worker: int) -> None:
        self._replaced = done
        if not self._as_json:
            print(f"{done} of {total}: the new worker {worker} accepts", file=self._out, flush=True)

    def end(self, status: int, message: str) -> int:
        answer = {"status": status, "replaced": self._replaced, "message": message}
        print(json.dumps(answer) if self._as_json else message, file=self._out, flush=True)
        return status


def _write(fifo: Path, command: bytes) -> None:
    # Without O_NONBLOCK, opening a FIFO that nobody reads waits for ever.
    descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(descriptor, command)
    finally:
        os.close(descriptor)


def _master(fifo: Path) -> int:
    """Return the process that reads this FIFO.

    Raises:
        OSError: there is none, or it belongs to somebody else.
    """
    if not fifo.exists():
        raise OSError(errno.ENOENT, "no such FIFO: the master makes it when it starts, in its own folder", str(fifo))
    if not stat.S_ISFIFO(fifo.stat().st_mode):
        raise OSError(errno.EINVAL, "no FIFO", str(fifo))
    wanted = str(fifo.resolve())
    readers = {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if wanted in _open_files(pid)}
    # Workers inherit the descriptor; their parent is the master.
    for pid in readers:
        if _parent(pid) not in readers:
            return pid
    raise OSError(errno.ENXIO, "no master reads it, or not one of yours", str(fifo))


def _open_files(pid: int) -> Iterator[str]:
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            yield os.readlink(f"/proc/{pid}/fd/{name}")
    except OSError:
        return  # It has ended, or belongs to somebody else.


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_PARENT])
    except OSError:
        return 0


def _accepting(master: int) -> Iterator[int]:
    """Yield the workers that hold the byte at the offset of their own process id."""
    return _holding(master, 0)


def _starting(master: int) -> Iterator[int]:
    return _holding(master, STARTING)


def _holding(master: int, beyond: int) -> Iterator[int]:
    """Yield the workers that hold the byte so far beyond their own process id."""
    for line in Path("/proc/locks").read_text().splitlines():
        # 1: POSIX  ADVISORY  READ 4242 00:09:1234 4242 4242
        fields = line.split()
        if fields[1] != "POSIX" or fields[-2] != fields[-1]:
            continue
        worker = int(fields[4])
        if int(fields[-1]) == worker + beyond and _parent(worker) == master:
            yield worker
