"""The workers as the master knows them, and what the shared memory says of each."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trio_worker.master.figures.region import Region


class Worker(NamedTuple):
    """One worker.

    Attributes:
        number: from 1.
        pid: of its process, 0 where it has none.
        status: uWSGI's word for what it does.
        respawns: how often it was replaced.
    """

    number: int
    pid: int
    status: str
    respawns: int

    @property
    def is_cheap(self) -> bool:
        """True if there are enough others, so that it need not run."""
        return self.status == "cheap"


def read(found: Iterable[Any]) -> Iterator[Worker]:
    """Yield the workers.

    Args:
        found: what `uwsgi.workers()` returns.
    """
    for number, each in enumerate(found, 1):
        # A worker that `cheaper` has never started has the id 0, and was replaced one time less than never; so was
        # one without a master.
        respawns = each["respawn_count"] if each["respawn_count"] < 1 << 63 else 0
        yield Worker(number, max(0, each["pid"]), each["status"].decode(), respawns)


def lag(region: Region) -> int:
    """Return how late a loop has woken last, or is now, in microseconds."""
    due = region["flushed_at"] + region["interval"]
    return max(region["loop_lag"], time.monotonic_ns() // 1000 - due if region["flushed_at"] else 0)
