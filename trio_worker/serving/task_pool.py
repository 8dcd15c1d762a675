"""Tasks that do one piece of work after another, mostly requests; they belong to one nursery and end with it.

What comes in one turn of the event loop mostly need not wait for anything, so one task does it piece by piece without
giving up its turn, unless that becomes too long. As soon as a piece waits, two other tasks go on with those behind it:

    take the next piece -> do it in a context of its own -> ... -> wait for more of them
                           it waits: wake others for the rest

So thirty requests that came together wake one task and not thirty: to wake a task costs a tenth of a short request. And
where each of a hundred waits, all of them have begun seven turns of the loop later, and whoever comes behind them.
"""

import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

import trio

# Tasks that wait for work at most; beyond that they end with what they have done. And how many of them are woken for
# one piece that waits, and in one turn of the loop.
MAX_IDLE, WOKEN, COMING = 64, 2, 16

T = TypeVar("T")


class TaskPool(Generic[T]):
    """Gives pieces of work to tasks.

    Args:
        nursery: where the tasks run.
        work: the life of a task: called with the pool, it calls `arrive`, does what is waiting and calls `rest` for
            more, until that returns False; nothing but a cancellation may come out of it.
        name: of the tasks.
        waits: called with a piece that waits for something, for the first time.

    Attributes:
        waiting: the pieces that no task has begun with. Who brings them bounds them: connections by
            `trio-max-connections`, the streams of a connection by HTTP/2's own limit.
        context: the one in which the pieces begin, each in a copy.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        work: Callable[["TaskPool[T]"], Coroutine[Any, Any, None]],
        name: str,
        waits: Callable[[T], object] | None = None,
    ) -> None:
        self._nursery = nursery
        self._work = work
        self._name = name
        self._waits = waits
        self.context = copy_context()
        self.waiting: deque[T] = deque()
        self._idle: list[trio.lowlevel.Task] = []
        # True while a task has its turn, or is about to have it, that will take what is waiting.
        self._at_work = False
        # How many that have no work are about to have their turn.
        self._coming = 0

    def start(self, piece: T) -> None:
        """Have the piece done soon, behind those that wait already."""
        self.waiting.append(piece)
        if not self._at_work:
            self._wake(1)

    def _wake(self, most: int) -> None:
        """Wake so many tasks for what is waiting, beyond those that are about to have their turn."""
        self._at_work = True
        for _ in range(min(most, min(len(self.waiting), COMING) - self._coming)):
            self._coming += 1
            if self._idle:
                trio.lowlevel.reschedule(self._idle.pop())
            else:
                self._nursery.start_soon(self._work, self, name=self._name)

    def arrive(self) -> None:
        """Take note that a new task has its first turn."""
        self._coming -= 1

    def suspend(self, context: Context, piece: T | None = None) -> None:
        """Let other tasks go on with what is waiting: the current one is about to wait, in this context.

        Args:
            context: see above.
            piece: that begins to wait; None where it is the task.
        """
        if piece is not None and self._waits is not None:
            self._waits(piece)
        trio.lowlevel.current_task().context = context  # Trio enters it whenever the task wakes.
        self._at_work = False
        if self.waiting:
            self._wake(WOKEN)

    async def give_way(self) -> None:
        """Let everybody else have a turn; who goes on with what is waiting is the current task."""
        self._at_work = True
        trio.lowlevel.current_task().context = self.context  # Nothing of the last piece is kept.
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def rest(self) -> bool:
        """Wait for work; return False when there are tasks enough that do."""
        self._at_work = False
        if len(self._idle) >= MAX_IDLE:
            return False
        task = trio.lowlevel.current_task()
        task.context = self.context  # Nothing of the last piece is kept.

        def leave(_: object) -> trio.lowlevel.Abort:
            self._idle.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._idle.append(task)
        await trio.lowlevel.wait_task_rescheduled(leave)
        self._coming -= 1
        return True


P = TypeVar("P")
R = TypeVar("R")


@types.coroutine
def run_in(
    context: Context, coroutine: Coroutine[Any, Any, R], suspend: Callable[[Context, P], None], piece: P
) -> Generator[Any, Any, R]:
    """Await a coroutine in a context of its own, and return what it returns.

    A task has one context, which it gets when it wakes. So the first part of the coroutine, which nearly always is all
    of it, is run in the context here, and what comes behind a wait by Trio.

    Args:
        context: see above.
        coroutine: has not begun.
        suspend: called with context and piece when the coroutine waits for the first time.
        piece: that the coroutine does.
    """
    try:
        trap = context.run(coroutine.send, None)
    except StopIteration as end:
        result: R = end.value
        return result
    suspend(context, piece)
    return (yield from _Begun(coroutine, trap))


class _Begun(Generic[R]):
    """A coroutine that has begun already, to be awaited on.

    Args:
        coroutine: see above.
        trap: what it waits for, which is for Trio.
    """

    __slots__ = ("_trap", "close", "coroutine", "send", "throw")

    def __init__(self, coroutine: Coroutine[Any, Any, R], trap: Any) -> None:
        self._trap = trap
        self.coroutine = coroutine
        self.send, self.throw, self.close = coroutine.send, coroutine.throw, coroutine.close

    def __iter__(self) -> Generator[Any, Any, R]:
        return self

    def __next__(self) -> Any:
        return self._trap

    # The names by which Trio and debuggers follow the frames of a task.

    @property
    def cr_frame(self) -> Any:
        return self.coroutine.cr_frame  # type: ignore[attr-defined]

    @property
    def cr_await(self) -> Any:
        return self.coroutine.cr_await  # type: ignore[attr-defined]
