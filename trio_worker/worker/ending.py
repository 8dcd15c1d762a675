"""The reasons for which a worker ends, and the times at which each part of its end has to be over."""

import enum
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf

import trio

from trio_worker.application.running import split
from trio_worker.options import Options

# To those who read the log it is the worker that ends.
log = logging.getLogger("trio_worker.worker")

# Seconds after which a destroyed worker is gone: its lifespan shutdown may take until the first, the rest until the
# second.
DESTROY_SHUTDOWN = 5.0
DESTROY_LAST_CALL = 5.7

# Seconds beyond the mercy after which a worker that was to end gracefully exits although its loop is stuck.
STUCK_GRACE = 1.0

# Seconds before the end of uWSGI's mercy at which requests are cancelled, and at which the worker exits as it stands.
MERCY_CANCEL = 1.0
MERCY_LAST_CALL = 0.1

# Seconds that a worker has at most with `py-autoreload`: who has saved a file does not wait for an open stream.
DEVELOPMENT_MERCY = 2.0

# The exit code with which the master replaces a worker without a word. Where the plugin has not told it that a worker
# is going to exit, it takes the code of a reload for an accident: "DAMN ! worker 1 died".
QUIET = 29


class Reason(enum.IntEnum):
    """The reason for which a worker ends, as its exit code; every one but DESTROY is graceful."""

    EXCEPTION = 5
    CHEAP = 15
    RELOAD = 17
    DESTROY = 30


def mercy(options: Options) -> float:
    """Return the seconds in which a worker has to end gracefully."""
    most = DEVELOPMENT_MERCY if options.py_autoreload else options.worker_reload_mercy
    return min(options.worker_reload_mercy, most)


class Ending:
    """The end of one worker, from the moment that it is known.

    Args:
        mercy: seconds after which the master kills a worker that was asked to end gracefully.
        leave: tells the master that this worker is going to exit; None where only the exit code can.

    Attributes:
        begun: set when the worker is to end.
        reason: why it ends, None while it does not.
        mercy: see above.
    """

    def __init__(self, mercy: float, leave: Callable[[], None] | None) -> None:
        self.begun = trio.Event()
        self.reason: Reason | None = None
        self.mercy = mercy
        self._leave = leave
        self._began_at = inf
        # The same on the clock of the process, which goes on when Trio has ended.
        self._began = inf

    def begin(self, reason: Reason, waited: float = 0.0) -> None:
        """End. The first reason stands; only a destroy comes before another one.

        Args:
            reason: see above.
            waited: seconds for which the mercy runs already.
        """
        if self.reason is None or (reason is Reason.DESTROY and self.reason is not reason):
            self.reason = reason
            self._began_at = trio.current_time() - waited
            self._began = time.monotonic() - waited
            log.info("%s", "ending" if reason is Reason.DESTROY else "draining")
            if self.is_graceful and self._leave is not None:
                self._leave()
        self.begun.set()

    @asynccontextmanager
    async def outlive(self) -> AsyncIterator[None]:
        """End gracefully where a nursery of the worker's own within this has ended by what an app has done to it.

        Each task in it has been cancelled by then. The app's lifespan is shut down all the same.
        """
        try:
            yield
        except BaseExceptionGroup as group:
            cancelled, errors = split(group)
            if errors is not None:
                log.critical(
                    "a task in a nursery of the worker's own, which an app may have started there, has failed; "
                    "the worker is replaced",
                    exc_info=errors,
                )
                self.begin(Reason.EXCEPTION)
            if cancelled is not None:
                raise cancelled from None
        else:
            self.notice_cancelled()

    def notice_cancelled(self) -> None:
        """End where an app has cancelled what this worker consists of: a nursery that it has found around its task."""
        if self.reason is None:
            log.critical("an app has cancelled a nursery of the worker's own; the worker is replaced")
            self.begin(Reason.EXCEPTION)

    async def before(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do this unless the worker ends first, which cancels it; returns whether it is done."""
        done = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end, nursery.cancel_scope)
            await work()
            done = True
            nursery.cancel_scope.cancel()
        return done

    async def _end(self, scope: trio.CancelScope) -> None:
        await self.begun.wait()
        scope.cancel()

    @property
    def code(self) -> int:
        """The exit code of the worker."""
        if self.reason in (None, Reason.RELOAD) and self._leave is None:
            return QUIET
        return int(self.reason or Reason.RELOAD)

    @property
    def is_graceful(self) -> bool:
        """True if requests in flight may finish."""
        return self.reason is not Reason.DESTROY

    # All on Trio's clock, in seconds.

    @property
    def cancel_at(self) -> float:
        """The time at which a graceful end cancels what still runs."""
        return self._began_at + max(self.mercy - MERCY_CANCEL, 0)

    @property
    def shutdown_until(self) -> float:
        """The time until which the lifespan shutdown of the app may last."""
        return self._began_at + (self.mercy - MERCY_LAST_CALL if self.is_graceful else DESTROY_SHUTDOWN)

    @property
    def last_call_at(self) -> float:
        """The time at which the worker exits as it stands."""
        return self._began_at + self._whole

    @property
    def _whole(self) -> float:
        return max(self.mercy - MERCY_LAST_CALL, 0.5) if self.is_graceful else DESTROY_LAST_CALL

    @property
    def seconds_left(self) -> float:
        """Seconds until then, when Trio has ended; at least a moment for what Python does at exit."""
        if self.reason is None:
            return DESTROY_LAST_CALL
        return max(self._began + self._whole - time.monotonic(), MERCY_LAST_CALL)
