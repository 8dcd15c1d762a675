"""The title of the process, which `ps` and `top` show: the worker's number, its requests, their rate, and its state.

    trio-worker: worker 2 · 14 running · 812/s

uWSGI writes it over the arguments of the process (core/utils.c, uwsgi_set_processname), with `procname-prefix` before
and `procname-append` behind it.
"""

from collections.abc import Callable
from typing import Any

import trio

from trio_worker.http.service import Service
from trio_worker.options.raw import RawOptions

# Seconds between two looks at what there is to show.
INTERVAL = 1.0


class Title:
    """The title of one worker.

    Args:
        worker_id: uWSGI's number of this worker.
        write: `uwsgi.setprocname`.
        running: how many requests and WebSocket sessions run.
        served: how many requests and WebSocket sessions there have been.
        state: a word for what the worker does besides serving, "" where there is none.
    """

    def __init__(
        self,
        worker_id: int,
        write: Callable[[str], object],
        running: Callable[[], int],
        served: Callable[[], int],
        state: Callable[[], str],
    ) -> None:
        self._name = f"trio-worker: worker {worker_id}"
        self._write = write
        self._running = running
        self._served = served
        self._state = state
        self._shown = ""

    async def run(self) -> None:
        """Show what the worker does, until cancelled."""
        served, since = self._served(), trio.current_time()
        self.show(0)
        while True:
            await trio.sleep(INTERVAL)
            before, began = served, since
            served, since = self._served(), trio.current_time()
            self.show(round((served - before) / (since - began)))

    def show(self, rate: int) -> None:
        """Write the title, unless it is that of before; `rate` is in requests a second."""
        parts = [self._name, f"{self._running()} running", f"{rate}/s"]
        title = " · ".join([*parts, state] if (state := self._state()) else parts)
        if title != self._shown:
            self._shown = title
            self._write(title)


async def show_title(uwsgi: Any, service: Service, raw: RawOptions, is_paused: Callable[[], bool]) -> None:
    """Show the title of this worker until cancelled, unless there is to be none, or the ini has a name for it."""
    if not service.options.proctitle or "procname" in raw:
        return
    counters, draining = service.counters, service.draining

    def state() -> str:
        return "draining" if draining.is_set() else "paused" if is_paused() else ""

    def served() -> int:
        return counters.requests + counters.sessions

    await Title(uwsgi.worker_id(), uwsgi.setprocname, service.application.count_running, served, state).run()
