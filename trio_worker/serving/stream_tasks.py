"""The life of a task that runs streams, or packets that came whole, and the fence around them."""

import trio

from trio_worker.http.service import Stream
from trio_worker.serving.attendant import report
from trio_worker.serving.task_pool import TaskPool, run_in


def note_wait(stream: Stream) -> None:
    """Let the stream know that it waits for something."""
    stream.wait()


async def run_streams(pool: TaskPool[Stream]) -> None:
    """Run streams as long as this task is needed.

    A cancel scope that has not been cancelled serves the next stream as well; see attendant.py.

    Args:
        pool: has the streams.
    """
    is_needed = True
    while is_needed:
        with trio.CancelScope() as scope:
            while is_needed and not scope.cancel_called:
                await _run_waiting(pool, scope)
                is_needed = scope.cancel_called or await pool.rest()


async def _run_waiting(pool: TaskPool[Stream], scope: trio.CancelScope) -> None:
    waiting, context = pool.waiting, pool.context
    while waiting and not scope.cancel_called:
        stream = waiting.popleft()
        try:
            try:
                await run_in(context.copy(), stream.run(scope), pool.suspend, stream)
            finally:
                stream.finish()
        except (Exception, BaseExceptionGroup) as error:
            report(error, stream)
