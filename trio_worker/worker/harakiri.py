"""`harakiri`: a request that takes too long is cancelled, and the others of its worker go on.

uWSGI kills a worker for one slow request. Here the request alone ends: its task is cancelled, its client gets a 504,
and the log says where it was. Nothing is armed per request: one task sleeps until the oldest one in flight is due.

`uwsgi.set_user_harakiri(n)` in a request means that request: n seconds from now, 0 for never. WebSocket sessions are
meant to last and are left alone. What a stuck loop needs is told in stall.py.
"""

import logging
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from math import inf
from typing import Any

import trio

from trio_worker.application.current import CURRENT
from trio_worker.application.running import Running
from trio_worker.application.tasks import describe, tasks_of
from trio_worker.master.access_log.format import printable
from trio_worker.master.metrics import Counters
from trio_worker.options import Options
from trio_worker.refusal import TOOK_TOO_LONG, Refusal

log = logging.getLogger(__name__)

# Seconds between two looks at least: with thousands in flight, somebody is due all the time.
GRAIN = 0.05

# Seconds until the next look at a request that was spared because hardly anybody waits.
SPARED = 1.0

# Seconds that a cancelled request has to end before its client is answered without it, and the log says so.
STUBBORN = 5.0


# Stacks in the log in a second; requests that are cancelled between two turns of the others; and of those without a
# stack, the names that one line has, and the characters of each.
TOLD, AT_ONCE = 20, 16
NAMES, LENGTH = 10, 100


class Harakiri:
    """The deadlines of one worker's requests.

    Args:
        options: the parsed ini.
        in_flight: the requests that run, as `Application` keeps them.
        counters: of this worker.
        backlog: how many connections wait to be accepted, for `harakiri-queue-threshold`.
        give_up: answers a request whose app runs on.
    """

    def __init__(
        self,
        options: Options,
        in_flight: set[Running],
        counters: Counters,
        backlog: Callable[[], int],
        give_up: Callable[[Running, Refusal], Awaitable[None]],
    ) -> None:
        self._give_up = give_up
        self._limit = options.harakiri or inf
        self._threshold = options.harakiri_queue_threshold
        self._verbose = options.harakiri_verbose
        self._in_flight = in_flight
        self._counters = counters
        self._backlog = backlog
        # Deadlines that requests have set for themselves, and when those that still run were cancelled; both in
        # seconds of `time.perf_counter`, like the beginnings of requests.
        self._own: dict[Running, float] = {}
        self._cancelled: dict[Running, float] = {}
        self._changed = trio.Event()
        # When the second began in which so many had their stacks in the log.
        self._told_since, self._told = -inf, 0

    def install(self, uwsgi: Any) -> None:
        """Put our `set_user_harakiri` into the place of that of the `uwsgi` module."""
        uwsgi.set_user_harakiri = self.set_user_harakiri

    def set_user_harakiri(self, seconds: int) -> None:
        """Cancel the current request in `seconds` seconds, or never for 0; also from a thread of `trio.to_thread`."""
        request = CURRENT.get()
        if not isinstance(request, Running):
            log.warning("uwsgi.set_user_harakiri(%d) means the current request, and there is none", seconds)
        elif trio.lowlevel.in_trio_run():
            self._set(request, seconds)
        else:
            trio.from_thread.run_sync(self._set, request, seconds)

    def _set(self, request: Running, seconds: int) -> None:
        self._own.pop(request, None)
        if seconds:
            self._own[request] = time.perf_counter() + seconds
        self._changed.set()

    async def run(self) -> None:
        """Cancel what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                now = time.perf_counter()
                for request in self._find_stubborn(now):
                    nursery.start_soon(self._give_up, request, TOOK_TOO_LONG)
                pause = max(await self._sweep(now) - now, GRAIN)
                with trio.move_on_after(pause):
                    await self._changed.wait()

    async def _sweep(self, now: float) -> float:
        """Cancel what is due; returns when somebody may be due next."""
        self._own = {each: at for each, at in self._own.items() if each in self._in_flight}
        deadlines = {each: self._deadline(each) for each in self._in_flight if each not in self._cancelled}
        due = [each for each, at in deadlines.items() if at <= now]
        soonest = min((at for at in deadlines.values() if at > now), default=inf)
        if due and self._backlog() < self._threshold:
            soonest = min(soonest, now + SPARED)
        elif due:
            await self._cancel(sorted(due, key=lambda each: each.began), now)
        return min(soonest, now + self._limit, now + (STUBBORN if self._cancelled else inf))

    def _deadline(self, request: Running) -> float:
        return min(request.began + self._limit, self._own.get(request, inf))

    async def _cancel(self, due: list[Running], now: float) -> None:
        """Cancel a few in a turn of the loop: where a database stops, all who wait for it are due at the same time."""
        told = due[: self._count_told(len(due), now)]
        tasks = tasks_of(told)
        for number, request in enumerate(due):
            if request not in self._in_flight:
                continue  # It has ended in the turn of another.
            if number < len(told):
                self._tell(request, now, tasks.get(request, ()))
            self._cancelled[request] = now
            self._counters.harakiri += 1
            request.cancel(TOOK_TOO_LONG)
            if not (number + 1) % AT_ONCE:
                await trio.lowlevel.checkpoint()
        if others := due[len(told) :]:
            log.error("harakiri: %d more are cancelled: %s", len(others), _names(others))

    def _count_told(self, count: int, now: float) -> int:
        """Return how many of those that are due have their stacks in the log: TOLD in a second."""
        if now - self._told_since >= 1.0:
            self._told_since, self._told = now, 0
        told = min(count, TOLD - self._told)
        self._told += told
        return told

    def _tell(self, request: Running, now: float, tasks: Iterable[trio.lowlevel.Task]) -> None:
        stack = "\n".join(map(describe, tasks)) or "(its task cannot be found)"
        if self._verbose:
            stack += "".join(_other_threads())
        log.error("harakiri: %s is cancelled after %.1f s\n%s", _name(request), now - request.began, stack)

    def _find_stubborn(self, now: float) -> list[Running]:
        """Return, once, the cancelled requests that do not end: in a thread, or by a shield, they cannot."""
        self._cancelled = {each: at for each, at in self._cancelled.items() if each in self._in_flight}
        stubborn = [each for each, at in self._cancelled.items() if at <= now - STUBBORN]
        for request in stubborn:
            log.error(
                "harakiri: %s runs on %.0f s after it was cancelled", _name(request), now - self._cancelled[request]
            )
            self._cancelled[request] = inf
        return stubborn


def _name(request: Running) -> str:
    return f"{request.scope['method']} {printable(request.scope['path'])}"


def _names(requests: list[Running]) -> str:
    """Name them, those of which there are most first."""
    names = Counter(_name(each)[:LENGTH] for each in requests)
    listed = ", ".join(f"{count} x {name}" for name, count in names.most_common(NAMES))
    return f"{listed} and others" if len(names) > NAMES else listed


def _other_threads() -> Iterator[str]:
    """The stacks of all threads but this one: a request may wait for one of them."""
    names = {each.ident: each.name for each in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        if ident != threading.get_ident():
            yield f"\nthread {names.get(ident, ident)}:\n" + "".join(traceback.format_stack(frame)).rstrip()
