"""A loop that is stuck: nothing in it can cancel the request that blocks it, so the master kills the worker.

While the loop turns, it puts the master's alarm off again and again (uWSGI's `set_user_harakiri`). When the alarm is
half due, faulthandler writes the stacks of all threads, from a thread of its own that needs no lock of Python's. When
it is due, the master sends SIGKILL, or with `harakiri-graceful-timeout` first `harakiri-graceful-signal`.
"""

import faulthandler
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import trio

from trio_worker.master.access_log import LOG_DESCRIPTOR
from trio_worker.options import Options

log = logging.getLogger(__name__)

# Seconds between two turns at most, and the share of the alarm that they may take.
INTERVAL = 1.0
SHARE = 8

# The master counts whole seconds: an alarm set to one second could be due at once.
SHORTEST = 2


class StallAlarm:
    """The alarm of one worker.

    Args:
        options: the parsed ini.
        arm: uWSGI's own `set_user_harakiri`: how many seconds from now the master's alarm is due, 0 for never.
    """

    def __init__(self, options: Options, arm: Callable[[int], None]) -> None:
        self._seconds = options.harakiri
        self._grace = options.harakiri_graceful_timeout
        self._signal = options.harakiri_graceful_signal
        self._set_alarm = arm
        self._due = 0.0

    async def run(self) -> None:
        """Put the alarm off until cancelled; does nothing without `harakiri`."""
        if not self._seconds:
            return
        with self._answering_master():
            try:
                while True:
                    self._put_off()
                    await trio.sleep(min(INTERVAL, self._seconds / SHARE))
            finally:
                self._set_alarm(0)
                faulthandler.cancel_dump_traceback_later()

    def _put_off(self) -> None:
        now = time.time()
        # The second that is nearest to being `harakiri` seconds away.
        self._arm(max(SHORTEST, round(now + self._seconds) - int(now)))
        faulthandler.dump_traceback_later(self._seconds / 2, file=LOG_DESCRIPTOR)

    def _arm(self, seconds: int) -> None:
        self._due = int(time.time()) + seconds
        self._set_alarm(seconds)

    @contextmanager
    def _answering_master(self) -> Iterator[None]:
        """Give a stuck worker the time of `harakiri-graceful-timeout` when the master asks it to end.

        The master itself would kill it a second later: it looks at the timeout for its own alarms only. A handler of
        Python's runs in between even where the loop is stuck, in a sleep for example.
        """
        before = signal.getsignal(self._signal)
        if not self._grace or not callable(before):
            yield
            return

        def asked(number: int, frame: FrameType | None) -> None:
            if time.time() >= self._due:
                self._arm(self._grace)
                log.critical("the loop is stuck; %d s are left to end", self._grace)
            before(number, frame)

        signal.signal(self._signal, asked)
        try:
            yield
        finally:
            signal.signal(self._signal, before)
