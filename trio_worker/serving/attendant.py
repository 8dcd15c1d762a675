"""The life of a task that does one piece of work after another, mostly requests, and the fence around all they do.

    take the next work -> serve it -> (step outside of the cancel scope ->) serve it again, let it wait, or close it

A cancel scope costs as much as a short request. One that has not been cancelled is as good as new, so it serves the
task's next work as well; a task is in it while it waits, too.
"""

import logging
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import Any

import trio

from trio_worker.application import leftovers
from trio_worker.http.service import Service
from trio_worker.serving.entrance import begin
from trio_worker.serving.task_pool import TaskPool, run_in
from trio_worker.transport.connections import AGAIN, CLOSE, OUTSIDE, PARKED, Connection, Outcome, Work
from trio_worker.transport.lingering import PATIENCE
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# The errors of reading or writing that mean: the client went away.
_CLIENT_WENT = (OSError, trio.BrokenResourceError)


def attend(service: Service, pool: TaskPool[Wire | Work]) -> Coroutine[Any, Any, None]:
    """Do one piece of work after another. Whatever they do, only that connection ends.

    Not a coroutine function itself: each frame between Trio and the app costs something whenever the task wakes.

    Args:
        service: the worker's.
        pool: has the work: connections that were accepted, or have something to read, and what they leave to others.
    """
    return Attendant(service, pool).run()


class Attendant:
    """The task's side of it.

    Args:
        service, pool: see `attend`.
    """

    __slots__ = ("_is_needed", "_pool", "_scope", "_service", "_work")

    def __init__(self, service: Service, pool: TaskPool[Wire | Work]) -> None:
        self._service = service
        self._pool = pool
        self._is_needed = True
        self._scope: trio.CancelScope
        self._work: Work | None = None

    async def run(self) -> None:
        """Work as long as this task is needed.

        One coroutine rather than three: each takes a third of a KiB below every session, and costs something whenever
        the task wakes. What is awaited here besides the work ends before the work goes on.
        """
        pool, task = self._pool, trio.lowlevel.current_task()
        home = leftovers.place(task)
        pool.arrive()
        while self._is_needed:
            with self, trio.CancelScope() as self._scope:
                place = leftovers.place(task)
                # In a scope that the work has left cancelled the next work would end at once.
                while (self._work is not None or pool.waiting or await self._rest()) and not self._scope.cancel_called:
                    outcome: Work | Outcome | None = CLOSE
                    context = pool.context.copy() if self._work is None else task.context
                    try:
                        outcome = await self._begin(context)
                    except (Exception, BaseExceptionGroup) as error:
                        report(error, self._work)
                    finally:
                        if getattr(task, "_cancel_status", None) is not place:
                            leftovers.tell(task, context)
                            place = None
                    if place is None:
                        self._hand_on(outcome)
                        break
                    if outcome is PARKED:
                        self._work = None
                    elif not self._go_on(outcome):
                        break
                    elif self._work is not None:
                        await self._give_way(outcome)
            if leftovers.is_spoilt(task, home):
                with trio.move_on_after(PATIENCE, shield=True):
                    await self._step_outside()
                self._close()
                pool.suspend(pool.context.copy())
                await leftovers.outlast(task, home)
                return
            await self._step_outside()

    def __enter__(self) -> None:
        """Serve connections: see `__exit__`."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        """Close the connection that is served where the task ends by an error: the worker's end cancels it, say.

        Returns:
            Whether that is none: the scope has ended around what an app has left open in it.
        """
        if error is None or leftovers.is_mended(error):
            return error is not None
        self._close()
        return False

    async def _rest(self) -> bool:
        """Wait for work that no other task has taken; return False where this task is not needed any more."""
        pool = self._pool
        while self._is_needed and not pool.waiting:
            self._is_needed = await pool.rest()
        return self._is_needed

    def _begin(self, context: Context) -> Awaitable[Work | Outcome | None]:
        """Return the work's next step: a first one is run in this context, any other in the task's."""
        work = self._work
        if work is not None:
            work.attendant, work.cancel_scope = self, self._scope
            return work.serve()
        item = self._pool.waiting.popleft()
        self._work = work = item if isinstance(item, Work) else self._accept(item)
        work.attendant, work.cancel_scope = self, self._scope
        return run_in(context, work.serve(), self._pool.suspend, None)

    async def _give_way(self, outcome: Work | Outcome | None) -> None:
        """Let others have their turn before the work, the task's own from here on, is served again.

        Trio enters a context of its own for it.
        """
        self._pool.suspend(self._pool.context.copy())
        if outcome is AGAIN:
            await self._service.turns.pause()
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def _accept(self, wire: Wire) -> Connection:
        """Return the connection that a client has opened."""
        service = self._service
        service.counters.connections += 1
        service.readiness.watch(wire.fileno())
        wire.watcher = service.readiness
        try:
            connection = begin(service, wire)
        except BaseException:
            self._forget(wire)
            raise
        self._enter(connection)
        return connection

    def _enter(self, work: Work) -> None:
        """Make it known to those who tell a connection what comes, in the place of what it was before."""
        self._work = work
        if isinstance(work, Connection) and (descriptor := work.wire.fileno()) >= 0:
            self._service.connections.add(descriptor, work)  # A stream that is a wire has none.

    def _go_on(self, outcome: Work | Outcome | None) -> bool:
        """Take up the protocol that a connection goes on in, or let go of it; False leaves the cancel scope before."""
        if isinstance(outcome, Work):
            before = self._work
            # It is told what comes, a deadline of its predecessor's for one, before it is served.
            outcome.attendant, outcome.cancel_scope = self, self._scope
            self._enter(outcome)
            if before is not None:
                before.release()
        elif outcome is not OUTSIDE and outcome is not AGAIN:
            self._close()
        return outcome is not OUTSIDE

    def _hand_on(self, outcome: Work | Outcome | None) -> None:
        """Leave it to another task to serve again what would be this one's."""
        if outcome is PARKED:
            self._work = None
        elif self._go_on(outcome) and self._work is not None:
            work, self._work = self._work, None
            self._pool.start(work)

    async def _step_outside(self) -> None:
        """Do what is left of the work, if any; one that is served again stays this task's."""
        work = self._work
        if work is None or self._is_taken(work):
            self._close()
            return
        self._pool.suspend(self._pool.context.copy())
        outcome = CLOSE
        try:
            outcome = await work.step_outside()
        except (Exception, BaseExceptionGroup) as error:
            report(error, work)
        finally:
            if outcome is not AGAIN:
                self._close()
        if outcome is AGAIN:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def _is_taken(self, work: Work) -> bool:
        """Return True if another task has taken up this connection while an app of its kept this one."""
        return work.attendant is not self

    def _close(self) -> None:
        """Close the connection that was served, unless another task serves it by now."""
        work, self._work = self._work, None
        if work is not None and not self._is_taken(work):
            if isinstance(work, Connection):
                self._forget(work.wire)
            work.release()

    def _forget(self, wire: Wire) -> None:
        if (descriptor := wire.fileno()) >= 0:
            self._service.readiness.forget(descriptor)
            self._service.connections.discard(descriptor)
        wire.close()


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
