"""Turns at the event loop: however many have more to do, one turn of the loop has few of their steps."""

import time

import trio
import trio.testing

from trio_worker.transport.turns import EVENTS, FEWEST, TURN, Turns

# Seconds of CPU that a step takes, and how many tasks there are.
STEP, MANY = 0.001, 60


def _burn() -> None:
    until = time.thread_time() + STEP
    while time.thread_time() < until:
        pass


async def _steps_in_turns(kept: bool) -> list[int]:
    """How many steps each of a bystander's waits for its own turn has had."""
    turns, steps, seen = Turns(), 0, list[int]()

    async def work() -> None:
        nonlocal steps
        while True:
            _burn()
            steps += 1
            await turns.pause()

    async with trio.open_nursery() as nursery:
        if kept:
            nursery.start_soon(turns.keep)
        for _ in range(MANY):
            nursery.start_soon(work)
        while steps < 5 * MANY:
            before = steps
            await trio.lowlevel.checkpoint()
            seen.append(steps - before)
        nursery.cancel_scope.cancel()
    return seen[3:]  # A turn in which all of them begin, and those in which the share is found.


def test_a_turn_has_no_more_steps_than_fit() -> None:
    most = 4 * round(TURN / STEP)
    assert max(trio.run(_steps_in_turns, True)[5:]) <= most < max(trio.run(_steps_in_turns, False))


def test_all_go_on_in_the_order_in_which_they_came() -> None:
    async def run() -> list[int]:
        turns, order = Turns(), list[int]()

        async def work(number: int) -> None:
            for _ in range(3):
                _burn()
                order.append(number)
                await turns.pause()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns.keep)
            async with trio.open_nursery() as workers:
                for number in range(MANY):
                    workers.start_soon(work, number)
            nursery.cancel_scope.cancel()
        return order

    order = trio.run(run)
    assert sorted(order) == sorted(list(range(MANY)) * 3)
    # Nobody has a third step before everybody has had the first.
    assert set(order[:MANY]) | set(order[MANY : 2 * MANY]) == set(range(MANY))


def test_who_waits_can_be_cancelled_and_is_forgotten() -> None:
    async def run() -> int:
        turns, done = Turns(), 0

        async def work(seconds: float) -> None:
            nonlocal done
            with trio.move_on_after(seconds):
                while True:
                    _burn()
                    await turns.pause()
            done += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns.keep)
            async with trio.open_nursery() as workers:
                for number in range(MANY):
                    workers.start_soon(work, 0.001 * number)
            await turns.pause()  # Nobody is left in front of it.
            nursery.cancel_scope.cancel()
        return done

    assert trio.run(run) == MANY


def test_those_who_wait_when_nobody_keeps_the_turns_any_more_go_on() -> None:
    async def run() -> int:
        turns, steps = Turns(), 0

        async def work() -> None:
            nonlocal steps
            for _ in range(20):
                steps += 1
                await turns.pause()

        async with trio.open_nursery() as workers, trio.open_nursery() as nursery:
            nursery.start_soon(turns.keep)
            for _ in range(MANY):
                workers.start_soon(work)
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        return steps

    assert trio.run(run) == 20 * MANY


def test_as_few_are_woken_in_a_turn_as_go_on_in_it() -> None:
    async def run() -> list[int]:
        turns, woken, seen = Turns(), 0, list[int]()

        def wake() -> None:
            nonlocal woken
            _burn()
            woken += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns.keep)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(MANY):
                turns.soon(wake)
            while woken < MANY:
                before = woken
                await trio.lowlevel.checkpoint()
                seen.append(woken - before)
            for _ in range(MANY):
                turns.soon(wake)
            nursery.cancel_scope.cancel()
        assert woken == 2 * MANY  # Nobody is forgotten, also when nobody keeps the turns any more.
        turns.soon(wake)
        assert woken == 2 * MANY + 1
        return seen

    assert max(trio.run(run)) <= 2 * round(TURN / STEP) + 2


def test_the_steps_of_one_who_is_alone_become_shorter_where_they_take_too_long() -> None:
    """He has as much to do again when he has not come for a while."""

    async def run() -> tuple[int, int, int]:
        turns, seen = Turns(), dict[int, list[int]]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns.keep)
            await trio.testing.wait_all_tasks_blocked()
            for burns in (0, 5):
                seen[burns] = []
                for _ in range(20):
                    for _ in range(burns):
                        _burn()
                    await turns.pause()
                    seen[burns].append(turns.events)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return max(seen[0]), min(seen[5]), turns.events

    short, long, after = trio.run(run)
    assert (short, long, after) == (EVENTS, FEWEST, EVENTS)
