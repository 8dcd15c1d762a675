"""The nurseries and cancel scopes that an app leaves open in the task that ran it.

It has entered it by hand, say, or abandoned a generator that is within it. The task would serve its next requests in
that scope, and whatever cancels the scope would cancel them.

    the app ends -> is the task in another scope than before? -> it is said, and the scope around the app is left:
                                                                 Trio drops what is open in it, and cancels that
                                                              -> where a nursery is left, the task does nothing more
                                                              -> nor where it is adrift

A task is adrift whose scope was closed in a task below it: Trio takes that scope, with all that is in it, out of its
tree. Nothing brings the task back, and Trio makes its end an error, which would end all tasks beside it. So it waits,
in no scope that could be cancelled, until those are over.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import Context

import trio

from trio_worker.application.current import CURRENT
from trio_worker.application.tasks import MOST_NAME, waits_at
from trio_worker.master.access_log.format import printable

log = logging.getLogger(__name__)

# Seconds between two looks whether the nurseries that a task has been left with are gone.
LOOK = 10.0

# Tasks of a nursery that are named.
NAMED = 3

# The tasks that wait for the end of their nursery.
_adrift: set[trio.lowlevel.Task] = set()


def place(task: trio.lowlevel.Task) -> object:
    """Return what stands for the innermost cancel scope that a task is in; it is only compared.

    Trio has no public name for it that does not cost as much as a short request, which to open and to leave a scope
    does. AnyIO reads this one as well. Where it is missing a scope that is left is found when one around it ends.
    """
    return getattr(task, "_cancel_status", None)


def tell(task: trio.lowlevel.Task, context: Context) -> None:
    """Log what the app has left that ran in this context."""
    record = context.get(CURRENT)
    if record is None:
        name = "an app"
    else:
        scope = record.scope
        name = f"{scope.get('method', 'WebSocket')} {printable(scope['path'])}"
    if nurseries := task.child_nurseries:
        log.error("%s has left a nursery open; its tasks are cancelled: %s", name, _names(nurseries))
    else:
        log.error("%s has left a cancel scope open, or closed one in a task below the one that opened it", name)


def _names(nurseries: Sequence[trio.Nursery]) -> str:
    """Return how many tasks there are, and the names of some with the lines of the app's that they are at."""
    tasks = [task for nursery in nurseries for task in nursery.child_tasks]
    more = ", ..." if len(tasks) > NAMED else ""
    return f"{len(tasks)} ({', '.join(map(_name, tasks[:NAMED]))}{more})" if tasks else "0"


def _name(task: trio.lowlevel.Task) -> str:
    at = waits_at(task)
    return printable(task.name[:MOST_NAME] + (f" at {at['file']}:{at['line']}" if at else ""))


class Mended:
    """A context manager around a cancel scope: it is no error when that ends around what an app has left open.

    A generator would be kept beside every session.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        """Let go of what Trio says about it: that the scope has ended has mended it."""
        return error is not None and is_mended(error)


MENDED = Mended()


def is_spoilt(task: trio.lowlevel.Task, home: object) -> bool:
    """Return True if a task is of no use any more: it is adrift, or has a nursery that an app has left open.

    Args:
        task: that is in no scope but those it was in at first.
        home: its place then.
    """
    return bool(task.child_nurseries) or place(task) is not home


async def outlast(task: trio.lowlevel.Task, home: object) -> None:
    """Wait until a spoilt task, the current one, can end without ending those beside it.

    A generator that is collected ends in a task of Trio's own, and waits there for the tasks of its nursery. But a
    nursery wakes the task that it was opened in: that one must not wait for anything else then, and no sleep of Trio's
    will do, which takes it for an error.

    Args:
        task, home: see `is_spoilt`.
    """
    if place(task) is not home:
        await _drift(task)
    while nurseries := task.child_nurseries:
        with trio.move_on_after(LOOK):
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)
            _pass_on([nursery for nursery in nurseries if not nursery.child_tasks])


async def _drift(task: trio.lowlevel.Task) -> None:
    """Wait until the nursery of the task ends, which nothing but `open_nursery` can tell it."""
    nursery = task.parent_nursery
    if nursery is not None and not nursery.cancel_scope.cancel_called:
        _adrift.add(task)
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)


def _pass_on(nurseries: list[trio.Nursery]) -> None:
    """Wake the ends of generators that wait for these nurseries; else they would outlast the worker."""
    for system in trio.lowlevel.current_root_task().child_nurseries:  # type: ignore[union-attr]
        for task in system.child_tasks:
            frames = [frame for frame, _ in task.iter_await_frames()]
            if any(frame.f_locals.get("self") is nursery for frame in frames for nursery in nurseries):
                trio.lowlevel.reschedule(task)


@asynccontextmanager
async def open_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery for tasks that run apps, and cancel them at its end: that some were spoilt is no error there."""
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            finally:
                nursery.cancel_scope.cancel()
                for task in [each for each in _adrift if each.parent_nursery is nursery]:
                    _adrift.remove(task)
                    trio.lowlevel.reschedule(task)
    except BaseExceptionGroup as group:
        rest = group.split(is_mended)[1]
        if rest is not None:
            raise rest from None


def is_mended(error: BaseException) -> bool:
    """Return True for what Trio raises where a scope ends around one that is left open: its end has mended that."""
    return isinstance(error, RuntimeError) and "stack corrupted" in str(error)
