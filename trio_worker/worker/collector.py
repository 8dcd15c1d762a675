"""The times at which Python's garbage collector looks at all objects: so seldom that nearly nobody waits for it.

A look at all takes some twenty microseconds for each task that lives, and nobody is served meanwhile: thousands of
requests that wait make it two hundred milliseconds. Python has it come when so many objects have come, which is just
when thousands of requests do. Here it comes when it has little to look at, or else has not come for long.
"""

import gc

import trio

from trio_worker.application.loading import THRESHOLDS

# Seconds between two decisions; looks at younger objects that make one at all worth its time.
INTERVAL, YOUNGER = 1.0, 50

# Seconds that a look at all takes for each task, about; and seconds without one for each that it takes.
EACH, REST = 20e-6, 200


class Collector:
    """Has the collector look at all objects, where the app has left the thresholds to us."""

    def __init__(self) -> None:
        self._younger = _count_younger()
        # When it was worth its time, or has been done last; and the seconds that it took then.
        self._since = trio.current_time()
        self._took = 0.0

    async def run(self) -> None:
        """Decide every second, until cancelled."""
        while True:
            await trio.sleep(INTERVAL)
            if not gc.isenabled() or gc.get_threshold() != THRESHOLDS or _count_younger() - self._younger < YOUNGER:
                self._since = trio.current_time()
            elif trio.current_time() - self._since >= REST * self._estimate():
                self._collect()

    def _estimate(self) -> float:
        """Return the seconds that it may take."""
        return max(self._took, EACH * trio.lowlevel.current_statistics().tasks_living)

    def _collect(self) -> None:
        began = trio.current_time()
        gc.collect()
        self._since, self._younger = trio.current_time(), _count_younger()
        self._took = self._since - began


def _count_younger() -> int:
    """Return how often the collector has looked at younger objects alone."""
    return int(gc.get_stats()[1]["collections"])
