"""A task that does one piece of work after another, mostly connections, and the fence around whatever they do.

    take the next work -> serve it -> (step outside of the cancel scope -> serve it again, or) close it -> ...

A cancel scope costs as much as a short request. One that has not been cancelled is as good as new, so it serves the
task's next work as well; a task is in it while it waits, too.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import trio

from trio_worker.http.service import Service
from trio_worker.serving.entrance import begin
from trio_worker.transport.connections import AGAIN, CLOSE, OUTSIDE, Connection, Outcome, Work
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# The errors of reading or writing that mean: the client went away.
_CLIENT_WENT = (OSError, trio.BrokenResourceError)

# Waits for the next work; None when this task is not needed any more.
Next = Callable[[], Awaitable[Wire | Work | None]]


def attend(service: Service, item: Wire | Work, following: Next) -> Coroutine[Any, Any, None]:
    """Do one piece of work after another. Whatever they do, only that connection ends.

    Not a coroutine function itself: each frame between Trio and the app costs something whenever the task wakes.

    Args:
        service: the worker's.
        item: a connection that was accepted, or other work.
        following: gives the others.
    """
    attendant = Attendant(service, following)
    attendant.take(item)
    return attendant.run()


class Attendant:
    """The task's side of it.

    Args:
        service: the worker's.
        following: see `attend`.
    """

    __slots__ = ("_following", "_is_needed", "_scope", "_service", "_wire", "_work")

    def __init__(self, service: Service, following: Next) -> None:
        self._service = service
        self._following = following
        self._is_needed = True
        self._scope: trio.CancelScope
        # The connection that is to be closed when the work is done, and the work.
        self._wire: Wire | None = None
        self._work: Work | None = None

    def take(self, item: Wire | Work) -> None:
        """Take up a connection that was accepted, one that another task has left, or what is no connection."""
        if isinstance(item, Connection):
            self._wire, self._work = item.wire, item
        elif isinstance(item, Work):
            self._work = item
        else:
            self._wire = item
            self._service.counters.connections += 1
            self._service.readiness.watch(item.fileno())
            item.watch = self._service.watch

    async def run(self) -> None:
        """Work as long as this task is needed.

        One coroutine rather than three: below every idle connection each takes a quarter of a KiB, and each costs
        something whenever the task wakes.
        """
        try:
            while self._is_needed:
                with trio.CancelScope() as self._scope:
                    while True:
                        outcome: Work | Outcome = CLOSE
                        try:
                            outcome = self._begin()
                            while not isinstance(outcome, Outcome):
                                self._enter(outcome)
                                outcome = await outcome.serve()
                        except (Exception, BaseExceptionGroup) as error:
                            report(error, self._work)
                        # In a scope that the work has left cancelled the wait ends at once, and the scope with it.
                        if not (self._conclude(outcome) and self._take_up(await self._following())):
                            break
                await self._step_outside()
        finally:
            self._close()

    def _begin(self) -> Work | Outcome:
        """Return the work that is to be done first."""
        if self._work is None and self._wire is not None:
            return begin(self._service, self._wire)
        return self._work or CLOSE

    def _take_up(self, item: Wire | Work | None) -> bool:
        """Take up what comes next; return False where nothing does, because this task is not needed any more."""
        if item is None:
            self._is_needed = False
        else:
            self.take(item)
        return self._is_needed

    def _enter(self, work: Work) -> None:
        self._work = work
        work.attendant, work.cancel_scope = self, self._scope
        if isinstance(work, Connection):
            self._wire = work.wire
            if (descriptor := work.wire.fileno()) >= 0:  # A stream that is a wire has none.
                self._service.connections.add(descriptor, work)

    def _conclude(self, outcome: Outcome | Work) -> bool:
        if outcome is OUTSIDE or outcome is AGAIN:
            return False
        self._close()
        return True

    async def _step_outside(self) -> None:
        work = self._work
        if work is None or self._is_taken(work):
            self._close()
            return
        try:
            if await work.step_outside() is AGAIN:
                return
        except (Exception, BaseExceptionGroup) as error:
            report(error, work)
        self._close()

    def _is_taken(self, work: Work) -> bool:
        """Return True if another task has taken up this connection while an app of its kept this one."""
        return work.attendant is not self

    def _close(self) -> None:
        """Close the connection that was served, unless another task serves it by now."""
        work = self._work
        # A connection may have gone on in another wire: TLS.
        wire = work.wire if isinstance(work, Connection) else self._wire
        if wire is not None and (work is None or not self._is_taken(work)):
            if (descriptor := wire.fileno()) >= 0:
                self._service.readiness.forget(descriptor)
                self._service.connections.discard(descriptor)
            wire.close()
            if work is not None:
                work.release()
        self._wire = self._work = None


def report(error: BaseException, work: object) -> None:
    """Log what a connection or a stream raised, once; let a cancellation and what is no Exception go on."""
    faults: BaseException | None = error
    rest: BaseException | None = None
    if isinstance(error, BaseExceptionGroup):
        _, others = error.split(_CLIENT_WENT)
        faults, rest = (None, None) if others is None else others.split(lambda each: isinstance(each, Exception))
    if faults is not None and not isinstance(faults, _CLIENT_WENT):
        log.error("%r ended by an error", work, exc_info=faults)
    if rest is not None:
        raise rest
