"""The pause of a worker: the master's state of it, and what a signal to the worker alone makes of that.

The master pauses and resumes all of its workers by one signal, and a worker that it starts meanwhile is to be paused
from its beginning. Sent to one worker the same signal turns its state round.
"""

import logging

import uwsgi

from trio_worker.serving.listeners import Listeners

# To those who read the log it is the worker that is paused.
log = logging.getLogger("trio_worker.worker")


def status() -> bytes:
    """Return what the master takes this worker for: `idle`, `busy`, `pause`, `cheap`."""
    found: bytes = uwsgi.workers()[uwsgi.worker_id() - 1]["status"]
    return found


class Pause:
    """The state of one worker, from before it accepts."""

    def __init__(self) -> None:
        self._by_master = self._paused = status() == b"pause"
        self._listeners: Listeners | None = None

    def __bool__(self) -> bool:
        """Return True while accepting is paused."""
        return self._paused

    def apply_to(self, listeners: Listeners) -> None:
        """The worker is about to accept on these."""
        self._listeners = listeners
        if self._paused:
            self._apply()

    def turn(self) -> None:
        """The signal has come: follow the master, or turn round what the master has not changed."""
        by_master = status() == b"pause"
        self._paused = by_master if by_master != self._by_master else not self._paused
        self._by_master = by_master
        self._apply()

    def _apply(self) -> None:
        log.info("accepting is %s", "paused" if self._paused else "resumed")
        if self._listeners is None:
            return
        if self._paused:
            self._listeners.pause()
        else:
            self._listeners.resume()
