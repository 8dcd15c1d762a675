"""The processes of a session, as /proc shows them: what a test must not leave behind."""

import math
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

# Fields of /proc/[pid]/stat (proc(5)), counted from behind the process's name, which may hold anything.
_STATE, _PARENT, _SESSION, _START = 0, 1, 3, 19


def stat(pid: int) -> list[str]:
    """The fields of /proc/[pid]/stat behind the name; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet buried does not."""
    fields = stat(pid)
    return bool(fields) and fields[_STATE] != "Z"


def session_members(session: int) -> list[int]:
    """The running processes of a session, its leader included."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if _is_member(pid, session)]


def _is_member(pid: int, session: int) -> bool:
    fields = stat(pid)
    return bool(fields) and fields[_STATE] != "Z" and int(fields[_SESSION]) == session


def children(pid: int) -> list[int]:
    """The running children of a process."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [each for each in pids if (fields := stat(each)) and fields[_STATE] != "Z" and int(fields[_PARENT]) == pid]


def age(pid: int) -> float:
    """Seconds since the process was forked; infinite when there is none."""
    fields = stat(pid)
    if not fields:
        return math.inf
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_START]) / os.sysconf("SC_CLK_TCK")


def threads(pid: int) -> int:
    """How many threads the process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def kill(pids: list[int]) -> None:
    """End them at once."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
