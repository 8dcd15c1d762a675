"""Tasks that do one piece of work after another: waking a task costs little more than half of starting one.

Behind a front that opens a connection for every request (nginx `uwsgi_pass`, uWSGI's routers) that is paid for every
request. The tasks belong to one nursery and end with it; each piece begins in a fresh context.
"""

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Generic, TypeVar

import outcome
import trio

# Tasks that wait for work at most; beyond that they end with what they have served.
MAX_IDLE = 64

T = TypeVar("T")


class TaskPool(Generic[T]):
    """Gives items to tasks.

    Args:
        nursery: where the tasks run.
        work: the life of a task: called with an item and with what waits for the next one, which gives None when the
            task is to end; nothing but a cancellation may come out of it.
        name: of the tasks.
    """

    def __init__(
        self, nursery: trio.Nursery, work: Callable[[T, Callable[[], Awaitable[T | None]]], Awaitable[None]], name: str
    ) -> None:
        self._nursery = nursery
        self._work = work
        self._name = name
        self._context = copy_context()
        self._tasks = 0
        self._idle: list[trio.lowlevel.Task] = []

    @property
    def busy(self) -> int:
        """The number of tasks with something to do, those that have not begun with it included."""
        return self._tasks - len(self._idle)

    def start(self, item: T) -> None:
        """Give the item to a task that has nothing to do, or to a new one."""
        if self._idle:
            trio.lowlevel.reschedule(self._idle.pop(), outcome.Value(item))
        else:
            self._tasks += 1
            self._nursery.start_soon(self._work, item, self._next, name=self._name)

    async def _next(self) -> T | None:
        if len(self._idle) >= MAX_IDLE:
            self._tasks -= 1
            return None
        task = trio.lowlevel.current_task()
        task.context = self._context.copy()  # Trio takes it up when the task wakes.

        def leave(_: object) -> trio.lowlevel.Abort:
            self._idle.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._idle.append(task)
        item: T = await trio.lowlevel.wait_task_rescheduled(leave)
        return item
