"""The end of a worker by its own will: at a limit of its ini, when the others can do without it.

Workers that were born together reach their limits together. One that may leave has another one beside it that accepts,
and none that is about to leave; where it has to wait for that, it serves on.
"""

import logging
from collections.abc import Callable
from math import inf

import trio

from trio_worker.application.running import Running
from trio_worker.master.metrics import Counters
from trio_worker.worker.ending import Ending, Reason
from trio_worker.worker.limits import Limits
from trio_worker.worker.siblings import Siblings

log = logging.getLogger("trio_worker.worker")

# Seconds between two looks at the limits, and at the siblings of a worker that waits for its turn.
INTERVAL = 1.0
TURN_INTERVAL = 0.05

# The part of its mercy that a worker which the master wants to replace may wait for its turn.
PATIENCE = 0.25


class Departure:
    """The departure of one worker.

    Args:
        limits: of its ini.
        counters: of what it has served.
        siblings: the other workers.
        ending: the worker's end, which begins here.

    Attributes:
        stop_accepting: called when it does, where nobody has to notice that first.
    """

    def __init__(self, limits: Limits, counters: Counters, siblings: Siblings, ending: Ending) -> None:
        self._limits = limits
        self._counters = counters
        self._siblings = siblings
        self._ending = ending
        self._begun = 0
        self._looked = -inf
        self._said = False
        self.stop_accepting: Callable[[], None] | None = None

    def begin_request(self, request: Running) -> None:
        """Begin the end with the request that reaches `max-requests`, before its app runs."""
        self._begun += 1
        number = self._begun + self._counters.sessions
        if self._limits.is_last(number) and self._leave(f"max-requests: request {number}"):
            request.end_connection()

    async def watch(self) -> None:
        """Look at all limits once a second, until the worker may leave."""
        while not ((reason := self._limits.exceeded(self._served)) and self._leave(reason)):  # noqa: ASYNC110
            await trio.sleep(INTERVAL)

    @property
    def _served(self) -> int:
        # To uWSGI a WebSocket session is a request.
        return self._counters.requests + self._counters.sessions

    def _leave(self, reason: str) -> bool:
        """Begin the end if it is this worker's turn; return True if it has begun."""
        if self._ending.reason is not None:
            return True
        now = trio.current_time()
        if now < self._looked + TURN_INTERVAL:
            return False
        self._looked = now
        if not self._siblings.take_turn():
            if not self._said:
                log.info("this worker is to be replaced, and serves until another one accepts: %s", reason)
            self._said = True
            return False
        log.info("this worker is replaced: %s", reason)
        if self.stop_accepting is not None:
            self.stop_accepting()  # The client of this request may be back sooner than the drain has begun.
        self._ending.begin(Reason.RELOAD)
        return True

    async def make_way(self, asked: trio.Event) -> None:
        """Begin the end that the master has asked for (`max-worker-lifetime`), in turn; it has a mercy that runs.

        Args:
            asked: set when the master has.
        """
        await asked.wait()
        began = trio.current_time()
        with trio.move_on_after(self._ending.mercy * PATIENCE):
            while not self._siblings.take_turn():  # noqa: ASYNC110 - a lock of the kernel tells nobody
                await trio.sleep(TURN_INTERVAL)
        self._ending.begin(Reason.RELOAD, waited=trio.current_time() - began)
