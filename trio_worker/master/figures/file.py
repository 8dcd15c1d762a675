"""The file that the figures are in: in memory (tmpfs), one for each master, found by its process id and its birth.

The master keeps both when it executes itself anew in a reload, so the file outlives reloads of every kind, and workers
that are killed. A file whose master has ended is removed by the next worker of this user that starts.
"""

import logging
import mmap
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from trio_worker.master.figures.region import RESERVED, Region, count_words

log = logging.getLogger(__name__)

# Of the layout; another one has its own file.
LAYOUT = 1

_MEMORY = Path("/dev/shm")

# Where /proc/PID/stat has the start of the process, behind its name (proc(5)).
_START = 19


def open_regions(master: int, workers: int, routes: int) -> Sequence[Region]:
    """Return the regions of all workers, in the order of their numbers.

    Args:
        master: process id of the master; without one the memory is this process' alone.
        workers: how many there are at most.
        routes: how many routes there is room for.
    """
    length = count_words(routes)
    size = workers * length * 8
    starts = range(0, workers * length, length)
    descriptor = -1
    if master:
        try:
            descriptor = _open(_directory(), master, size)
            for start in starts:
                _reserve(descriptor, start, 0, RESERVED)
        except OSError as error:
            log.warning("the figures of this worker are its own, for memory cannot be shared: %s", error)
            descriptor = -1
    words = memoryview(mmap.mmap(descriptor, size)).cast("Q")
    return [Region(words[start : start + length], partial(_reserve, descriptor, start)) for start in starts]


def _reserve(descriptor: int, start: int, place: int, count: int) -> None:
    """Have the file system keep room; writing where it has none left would end the process by SIGBUS."""
    if descriptor >= 0:
        os.posix_fallocate(descriptor, (start + place) * 8, count * 8)


def _directory() -> Path:
    return _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _open(directory: Path, master: int, size: int) -> int:
    prefix = f"trio-worker-{os.getuid()}-{_namespace()}-"
    _remove_orphans(directory, prefix, master, size)
    path = directory / f"{prefix}{master}-{_birth(master)}-{LAYOUT}-{size}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    found = os.fstat(descriptor)
    if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode):
        raise PermissionError(f"{path} is somebody else's")
    # Bytes that are new in it are 0; the first worker makes it, and for the others this changes nothing.
    os.ftruncate(descriptor, size)
    return descriptor


def _namespace() -> int:
    """Return a number of the process ids here: in a container they mean something else."""
    with suppress(OSError):
        return os.stat("/proc/self/ns/pid").st_ino
    return 0


def _birth(pid: int) -> str:
    """Return when a process was started, in ticks since the machine was; "" where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START]
    except (OSError, IndexError):
        return ""


def _remove_orphans(directory: Path, prefix: str, master: int, size: int) -> None:
    """Remove what nobody uses any more: files of masters that have ended, and of our own of another size.

    The master reads another number of workers or routes out of the ini in a reload before which all workers end.
    """
    for path in directory.glob(f"{prefix}*-*-*-*"):
        pid, birth, *_, its_size = path.name.removeprefix(prefix).split("-")
        is_outgrown = pid == str(master) and its_size != str(size)
        # Anybody may name a file like that, and there are digits that are no number.
        if pid.isdecimal() and (is_outgrown or birth != _birth(int(pid))):
            with suppress(OSError):
                path.unlink()
