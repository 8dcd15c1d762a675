"""Tasks are used again, begin in a fresh context, and end with their nursery."""

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import trio
import trio.testing

from trio_worker.serving.task_pool import MAX_IDLE, TaskPool, run_in

VARIABLE = ContextVar("VARIABLE", default=0)

Serve = Callable[[int], Coroutine[Any, Any, None]]


def make_pool(nursery: trio.Nursery, serve: Serve) -> TaskPool[int]:
    """A pool whose tasks serve as long as they are given something."""

    async def work(pool: TaskPool[int]) -> None:
        pool.arrive()
        is_needed = True
        while is_needed:
            while pool.waiting:
                item = pool.waiting.popleft()
                await run_in(pool.context.copy(), serve(item), pool.suspend, item)
            is_needed = await pool.rest()

    return TaskPool(nursery, work, "serve")


def test_a_task_serves_one_item_after_another() -> None:
    served: list[tuple[int, trio.lowlevel.Task]] = []

    async def serve(item: int) -> None:
        served.append((item, trio.lowlevel.current_task()))
        await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            pool = make_pool(nursery, serve)
            for item in range(3):
                pool.start(item)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert [item for item, _ in served] == [0, 1, 2]
    assert len({task for _, task in served}) == 1


def test_what_runs_at_once_has_tasks_of_its_own() -> None:
    ended: list[int] = []

    async def serve(item: int) -> None:
        await trio.sleep(1)
        ended.append(item)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            pool = make_pool(nursery, serve)
            for item in range(MAX_IDLE + 10):
                pool.start(item)
            await trio.sleep(1.5)
            assert len(nursery.child_tasks) == MAX_IDLE
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert sorted(ended) == list(range(MAX_IDLE + 10))


def test_a_context_variable_is_of_one_item() -> None:
    seen: list[int] = []

    async def serve(item: int) -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set(item)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            pool = make_pool(nursery, serve)
            for item in (1, 2, 3):
                pool.start(item)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert seen == [0, 0, 0]


def test_many_that_wait_begin_within_a_few_turns_of_the_loop() -> None:
    begun = 0

    async def serve(item: int) -> None:
        nonlocal begun
        begun += 1
        await trio.sleep_forever()

    async def main() -> int:
        turns = 0
        async with trio.open_nursery() as nursery:
            pool = make_pool(nursery, serve)
            for item in range(100):
                pool.start(item)
            while begun < 100:
                turns += 1
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        return turns

    assert trio.run(main) < 15


def test_no_more_tasks_are_woken_than_there_is_work_for() -> None:
    woken = 0

    async def serve(item: int) -> None:
        await trio.sleep_forever()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            pool = make_pool(nursery, serve)
            rest = pool.rest

            async def counted() -> bool:
                nonlocal woken
                is_needed = await rest()
                woken += 1
                return is_needed

            pool.rest = counted  # type: ignore[method-assign]
            pool._coming = 10
            for _ in range(10):
                pool._nursery.start_soon(pool._work, pool)
            await trio.testing.wait_all_tasks_blocked()
            for item in range(5):
                pool.start(item)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert woken == 5
