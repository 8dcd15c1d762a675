"""The figures of a worker's process, read from /proc when somebody asks; the worker itself does nothing for them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

# Fields of /proc/PID/stat behind the name (proc(5)).
_USER, _SYSTEM, _THREADS, _START, _VIRTUAL, _RESIDENT = 11, 12, 17, 19, 20, 21


class Process(NamedTuple):
    """The figures of one process; seconds and bytes. None where the kernel does not tell us."""

    cpu: float
    threads: int
    started: float
    virtual: int
    resident: int
    descriptors: int | None
    most_descriptors: int | None


def read(pid: int) -> Process | None:
    """Return the figures of a process, None where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Process(
        cpu=(int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS,
        threads=int(fields[_THREADS]),
        started=_boot() + int(fields[_START]) / _TICKS,
        virtual=int(fields[_VIRTUAL]),
        resident=int(fields[_RESIDENT]) * _PAGE,
        descriptors=_descriptors(pid),
        most_descriptors=_limit(pid),
    )


def _boot() -> float:
    """Return when the machine was started, in seconds since the epoch."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)


def _descriptors(pid: int) -> int | None:
    with suppress(OSError):  # A process that has changed its user may not be looked into.
        return len(os.listdir(f"/proc/{pid}/fd"))
    return None


def _limit(pid: int) -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Max open files")).split()[3])
    return None
