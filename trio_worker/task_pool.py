"""Tasks that serve one connection after another: waking a task costs little more than half of starting one.

Behind a front that opens a connection for every request (nginx `uwsgi_pass`, uWSGI's routers) that is paid for every
request. The tasks belong to one nursery and end with it; each connection begins in a fresh context.
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
    """Runs `serve` for one item after another.

    Args:
        nursery: where the tasks run.
        serve: called with each item in a task of its own; nothing but a cancellation may come out of it.
        name: of the tasks.
    """

    def __init__(self, nursery: trio.Nursery, serve: Callable[[T], Awaitable[None]], name: str) -> None:
        self._nursery = nursery
        self._serve = serve
        self._name = name
        self._idle: list[trio.lowlevel.Task] = []

    def start(self, item: T) -> None:
        """Have the item served, by a task that has nothing to do or by a new one."""
        if self._idle:
            trio.lowlevel.reschedule(self._idle.pop(), outcome.Value(item))
        else:
            self._nursery.start_soon(self._run, item, name=self._name)

    async def _run(self, item: T) -> None:
        task, context = trio.lowlevel.current_task(), copy_context()
        while True:
            await self._serve(item)
            if len(self._idle) >= MAX_IDLE:
                return
            task.context = context.copy()  # Trio takes it up when the task wakes.
            item = await self._next(task)

    async def _next(self, task: trio.lowlevel.Task) -> T:
        def leave(_: object) -> trio.lowlevel.Abort:
            self._idle.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._idle.append(task)
        item: T = await trio.lowlevel.wait_task_rescheduled(leave)
        return item
