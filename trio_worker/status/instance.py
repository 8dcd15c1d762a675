"""All workers of the instance as one of them sees it: figures from the shared memory, live state from each.

A worker whose loop is stuck has its figures, and is shown as not answering.
"""

import logging
import os
import time
from collections.abc import Sequence
from functools import reduce
from importlib.metadata import PackageNotFoundError, version
from operator import add
from typing import Any

import trio

from trio_worker.master.figures.region import TIMES, Region
from trio_worker.status import processes
from trio_worker.status.agent import ask
from trio_worker.status.live import Live
from trio_worker.status.workers import Worker, lag, read

log = logging.getLogger(__name__)

try:
    _RELEASE = version("trio-worker")
except PackageNotFoundError:  # It runs from a checkout that is not installed.
    _RELEASE = ""

# uWSGI's words for what a worker does; anything else is a signal that it works on.
_STATES = {"idle": "accepting", "busy": "accepting", "pause": "paused"}


class Instance:
    """The workers.

    Args:
        uwsgi: uWSGI's module.
        regions: of all workers.
        live: of this one.
    """

    def __init__(self, uwsgi: Any, regions: Sequence[Region], live: Live) -> None:
        self._uwsgi = uwsgi
        self._regions = regions
        self._live = live

    async def state(self) -> dict[str, Any]:
        """Return everything but the trees."""
        workers = self._workers()
        answers: dict[int, dict[str, Any] | None] = {}

        async def look(pid: int) -> None:
            answers[pid] = await self.ask(pid, {"ask": "state"})

        async with trio.open_nursery() as nursery:
            for worker in workers:
                if worker.pid:
                    nursery.start_soon(look, worker.pid)
        found = [self._show(worker, answers.get(worker.pid)) for worker in workers]
        state = {"now": time.time(), "bounds": TIMES, "version": _RELEASE, "workers": found}
        for kind, key in (("requests", "age"), ("errors", "at"), ("slow", "at"), ("cancelled", "at")):
            everything = [
                {"worker": worker.number, **each}
                for worker in workers
                for each in (answers.get(worker.pid) or {}).get(kind, ())
            ]
            state[kind] = sorted(everything, key=lambda each: -float(each[key]))
        return state

    async def ask(self, pid: int, question: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer of the worker with this process id, None where there is none."""
        if pid != os.getpid():
            return await ask(self._uwsgi.masterpid(), pid, question)
        await trio.lowlevel.checkpoint()
        try:
            return self._live.answer(question)
        except Exception:
            log.exception("this worker cannot tell what it does")
            return None

    def pid_of(self, worker: str) -> int:
        """Return the process of the worker with this number, 0 where there is none."""
        return next((each.pid for each in self._workers() if str(each.number) == worker), 0)

    def owner_of(self, request: str) -> int:
        """Return the process of the worker that has given a request this name, 0 where it has ended."""
        pid = request.partition("-")[0]
        return next((each.pid for each in self._workers() if str(each.pid) == pid), 0)

    def _workers(self) -> list[Worker]:
        return list(read(self._uwsgi.workers()))

    def _show(self, worker: Worker, answer: dict[str, Any] | None) -> dict[str, Any]:
        region = self._regions[worker.number - 1]
        process = processes.read(worker.pid) if worker.pid else None
        answer_ = answer or {}
        series = list(region.series())
        return {
            "id": worker.number,
            "pid": worker.pid,
            "state": _state(worker, answer, region["pid"] == worker.pid and region["flushed_at"] > 0),
            "running": answer_.get("running", region["in_flight"]),
            "connections": answer_.get("connections", region["connections"]),
            "lag": lag(region) if process else 0,
            "respawns": worker.respawns,
            "times": reduce(add, (each.durations for each in series)).counts if series else [0] * (len(TIMES) + 1),
            "errors": sum(sum(each.durations.counts) for each in series if each.kind.hundreds == 5),
            "resident": process.resident if process else 0,
            "cpu": process.cpu if process else 0,
            "started": process.started if process else 0,
        }


def _state(worker: Worker, answer: dict[str, Any] | None, counts: bool) -> str:
    if not worker.pid or (worker.is_cheap and answer is None):
        # Without a process, and not for being too many: as in a reload in which all end before the next ones start.
        return "cheap" if worker.is_cheap else "ended"
    if answer is None:
        # Until it has come to count, its app is being loaded, which may take longer than anything that it does later.
        return "not answering" if counts else "starting"
    return "draining" if answer["draining"] else _STATES.get(worker.status, "accepting")
