"""Python's garbage collector looks at all objects so seldom that nearly nobody waits for it."""

import gc
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from trio_worker.application.loading import THRESHOLDS
from trio_worker.worker.collector import EACH, INTERVAL, REST, YOUNGER, Collector

# Tasks of a busy worker, and the seconds that it goes without a look at all of them.
MANY = 5000
LONG = REST * EACH * MANY


@pytest.fixture(autouse=True)
def ours() -> Iterator[None]:
    """Thresholds as a worker sets them."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    yield
    gc.set_threshold(*before)
    gc.enable()


def looks() -> int:
    """How often the collector has looked at all objects."""
    return int(gc.get_stats()[2]["collections"])


def looks_in(seconds: float, tasks: int = 0, younger: int = YOUNGER, times: int = 1) -> int:
    """How often it does so when it has looked at younger objects so often, beside so many tasks.

    Args:
        seconds: on the clock, each time.
        tasks: see above.
        younger: see above, each time.
        times: how often all of that is done.
    """

    async def run() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Collector().run)
            for _ in range(tasks):
                nursery.start_soon(trio.sleep_forever)
            await trio.testing.wait_all_tasks_blocked()
            before = looks()
            for _ in range(times):
                for _ in range(younger):
                    gc.collect(1)
                await trio.sleep(seconds)
            nursery.cancel_scope.cancel()
        return looks() - before

    return trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


def test_it_comes_when_the_young_have_been_looked_at_often() -> None:
    assert looks_in(2 * INTERVAL + 1) == 1
    assert looks_in(2 * INTERVAL + 1, younger=YOUNGER - 1) == 0
    assert looks_in(2 * INTERVAL + 1, times=5) == 5


def test_it_does_not_come_while_thousands_of_requests_wait() -> None:
    assert looks_in(0.9 * LONG, MANY) == 0
    assert looks_in(1.1 * LONG + INTERVAL, MANY) == 1


def test_it_comes_in_any_case_when_there_has_been_none_for_long() -> None:
    """A loop that is blocked decides nothing, so Python's own count has the last word."""
    made: list[list[int]] = [
        [] for _ in range(THRESHOLDS[0] * 100)
    ]  # A quarter more than what is there, or it does not come.
    before = looks()
    for _ in range(THRESHOLDS[2] + 1):
        gc.collect(1)
    made += [[] for _ in range(2 * THRESHOLDS[0])]
    assert looks() == before + 1


def test_an_app_that_has_an_opinion_of_its_own_is_left_alone() -> None:
    gc.set_threshold(700, 10, 1000)
    assert looks_in(2 * INTERVAL + 1) == 0
    gc.set_threshold(*THRESHOLDS)
    gc.disable()
    assert looks_in(2 * INTERVAL + 1) == 0
