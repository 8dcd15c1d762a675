"""Processor time of processes, from /proc: what a request costs its server, which other work disturbs least."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return what these processes have used so far, user and system, all their threads together."""
    return sum(_of_process(PROC / str(process.pid)) for process in processes)


def _of_process(folder: Path) -> float:
    try:
        return _of_threads(folder)
    except FileNotFoundError:  # a kernel without CONFIG_SCHED_INFO
        return ticks(folder) / TICKS_PER_SECOND


def _of_threads(folder: Path) -> float:
    """Sum up the scheduler's nanoseconds; a thread that has ended takes its own with it."""
    total = scheduled(folder / "task" / folder.name)
    for thread in (folder / "task").iterdir():
        if thread.name != folder.name:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += scheduled(thread)
    return total / 1e9


def scheduled(thread: Path) -> int:
    """Return the nanoseconds of one thread: the first field of its schedstat."""
    return int((thread / "schedstat").read_text().split()[0])


def ticks(folder: Path) -> int:
    """Return user and system time in clock ticks: fields 14 and 15 of proc(5)'s stat, the second may hold blanks."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
