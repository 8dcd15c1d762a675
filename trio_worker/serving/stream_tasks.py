"""The life of a task that runs streams, or packets that came whole, and the fence around them."""

from time import perf_counter

import trio

from trio_worker.application import leftovers
from trio_worker.http.service import Stream
from trio_worker.serving.attendant import report
from trio_worker.serving.task_pool import TaskPool, run_in
from trio_worker.transport.turns import TURN


def note_wait(stream: Stream) -> None:
    """Let the stream know that it waits for something."""
    stream.wait()


async def run_streams(pool: TaskPool[Stream]) -> None:
    """Run streams as long as this task is needed.

    A cancel scope that has not been cancelled serves the next stream as well; see attendant.py.

    Args:
        pool: has the streams.
    """
    pool.arrive()
    is_needed, task = True, trio.lowlevel.current_task()
    home = leftovers.place(task)
    while is_needed:
        with leftovers.MENDED, trio.CancelScope() as scope:
            while is_needed and not scope.cancel_called:
                if await _run_waiting(pool, scope, task):
                    break
                is_needed = scope.cancel_called or await pool.rest()
        if leftovers.is_spoilt(task, home):
            pool.suspend(pool.context.copy())
            await leftovers.outlast(task, home)
            return


async def _run_waiting(pool: TaskPool[Stream], scope: trio.CancelScope, task: trio.lowlevel.Task) -> bool:
    """Run what is waiting; return True if the app has left something open in the task.

    Where it takes longer than others should wait, they have a turn in between.
    """
    waiting, place, until = pool.waiting, leftovers.place(task), perf_counter() + TURN
    while waiting and not scope.cancel_called:
        stream, context = waiting.popleft(), pool.context.copy()
        try:
            try:
                await run_in(context, stream.run(scope), pool.suspend, stream)
            finally:
                stream.finish()
                if getattr(task, "_cancel_status", None) is not place:
                    leftovers.tell(task, context)
                    place = None
        except (Exception, BaseExceptionGroup) as error:
            report(error, stream)
        if place is None:
            return True
        if waiting and perf_counter() > until:
            await pool.give_way()
            until = perf_counter() + TURN
    return False
