"""Tasks that run the streams of a connection that has many at a time.

The streams that come in one read mostly need not wait for anything, so one task runs them one after another without
giving up its turn. As soon as one of them waits, another task goes on with those behind it:

    take the next stream -> run it in a context of its own -> finish it -> ... -> wait for more of them
                            it waits: wake another task for the rest

So a read of four streams wakes one task and not four. The tasks belong to one nursery and end with it.
"""

import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any

import trio

from trio_worker.http.service import Stream
from trio_worker.serving.attendant import report
from trio_worker.serving.task_pool import MAX_IDLE


class StreamTasks:
    """Gives streams to tasks.

    Args:
        nursery: where the tasks run.
        name: of the tasks.
    """

    def __init__(self, nursery: trio.Nursery, name: str) -> None:
        self._nursery = nursery
        self._name = name
        self._context = copy_context()
        # The streams that no task has begun with; a connection bounds how many it has.
        self._waiting: deque[Stream] = deque()
        self._idle: list[trio.lowlevel.Task] = []
        # True while a task has been woken for them and has not had its turn.
        self._woken = False

    def start(self, stream: Stream) -> None:
        """Have the stream run soon, behind those that wait already."""
        self._waiting.append(stream)
        if not self._woken:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        if self._idle:
            trio.lowlevel.reschedule(self._idle.pop())
        else:
            self._nursery.start_soon(self._work, name=self._name)

    async def _work(self) -> None:
        """Run streams as long as this task is needed.

        A cancel scope that has not been cancelled serves the next stream as well; see attendant.py.
        """
        is_needed = True
        while is_needed:
            with trio.CancelScope() as scope:
                while is_needed and not scope.cancel_called:
                    self._woken = False
                    await self._run_waiting(scope)
                    is_needed = scope.cancel_called or await self._rest()

    async def _run_waiting(self, scope: trio.CancelScope) -> None:
        waiting, context = self._waiting, self._context
        while waiting and not scope.cancel_called:
            stream = waiting.popleft()
            try:
                try:
                    await _run_in(context.copy(), stream, scope, self._suspend)
                finally:
                    stream.finish()
            except (Exception, BaseExceptionGroup) as error:
                report(error, stream)

    def _suspend(self, context: Context, stream: Stream) -> None:
        """Let Trio enter the context of a stream that waits, whenever it goes on; the others need another task."""
        stream.wait()
        trio.lowlevel.current_task().context = context
        if self._waiting and not self._woken:
            self._wake()

    async def _rest(self) -> bool:
        """Wait for a stream; return False when there are tasks enough that do."""
        if len(self._idle) >= MAX_IDLE:
            return False
        task = trio.lowlevel.current_task()
        task.context = self._context  # Nothing of the last stream is kept.

        def leave(_: object) -> trio.lowlevel.Abort:
            self._idle.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._idle.append(task)
        await trio.lowlevel.wait_task_rescheduled(leave)
        return True


@types.coroutine
def _run_in(
    context: Context, stream: Stream, scope: trio.CancelScope, suspend: Callable[[Context, Stream], None]
) -> Generator[Any, Any, None]:
    """Run a stream in a context of its own.

    A task has one context, which it gets when it wakes. So the first part of the stream, which nearly always is all
    of it, is run in the context here, and what comes behind a wait by Trio.

    Args:
        context: see above.
        stream: has not begun.
        scope: that the task is in.
        suspend: called with context and stream when the stream waits for the first time.
    """
    coroutine = stream.run(scope)
    try:
        trap = context.run(coroutine.send, None)
    except StopIteration:
        return
    suspend(context, stream)
    yield from _Begun(coroutine, trap)


class _Begun:
    """A coroutine that has begun already, to be awaited on.

    Args:
        coroutine: see above.
        trap: what it waits for, which is for Trio.
    """

    __slots__ = ("_trap", "close", "coroutine", "send", "throw")

    def __init__(self, coroutine: Coroutine[Any, Any, None], trap: Any) -> None:
        self._trap = trap
        self.coroutine = coroutine
        self.send, self.throw, self.close = coroutine.send, coroutine.throw, coroutine.close

    def __iter__(self) -> "_Begun":
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
