"""The queue of a request's body beside Quart-Trio's own: asked the same, it says the same."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from quart_trio import datastructures
from quart_trio.wrappers.request import TrioBody
from trio.testing import wait_all_tasks_blocked
from werkzeug.exceptions import RequestEntityTooLarge

from trio_worker.quart.body import BodyQueue, QueueBody, is_alike

# Quart-Trio's own, from the version whose bodies are queues.
TrioQueue: Any = getattr(datastructures, "TrioQueue", None)

pytestmark = pytest.mark.skipif(TrioQueue is None, reason="this version of Quart-Trio has no such queues")


def make_both() -> tuple[Any, Any]:
    return TrioQueue(), BodyQueue()


async def outcome(queue: Any, step: str) -> Any:
    """What a step comes to; "waits" where it would have to."""
    found: list[Any] = ["waits"]

    async def ask() -> None:
        try:
            match step:
                case "get":
                    found[0] = await queue.get()
                case "put":
                    found[0] = await queue.put(b"a")
                case "put_nowait":
                    found[0] = queue.put_nowait(b"b")
                case _:
                    found[0] = getattr(queue, step)()
        except Exception as error:
            found[0] = type(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return found[0]


STEPS = ("put", "put_nowait", "get", "get_nowait", "empty", "shutdown")


@given(st.lists(st.sampled_from(STEPS)))
def test_one_step_after_the_other(steps: list[str]) -> None:
    async def main() -> None:
        theirs, ours = make_both()
        for step in steps:
            assert await outcome(ours, step) == await outcome(theirs, step), step

    trio.run(main)


@pytest.mark.parametrize("end", [lambda queue: queue.put_nowait(b"a"), lambda queue: queue.shutdown()])
def test_who_waits_is_woken(end: Callable[[Any], None]) -> None:
    async def ask(queue: Any) -> Any:
        found: list[Any] = []

        async def get() -> None:
            try:
                found.append(await queue.get())
            except Exception as error:
                found.append(type(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(get)
            await wait_all_tasks_blocked()
            end(queue)
        return found

    theirs, ours = make_both()
    assert trio.run(ask, ours) == trio.run(ask, theirs)


def test_a_body_over_it() -> None:
    async def read(body: Any) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(body.put, b"one")
            nursery.start_soon(body.put, b"two")
            await wait_all_tasks_blocked()
            body.set_complete()
        return sorted([piece async for piece in body])

    assert is_alike()
    assert trio.run(read, QueueBody(None, None)) == trio.run(read, TrioBody(None, None)) == [b"one", b"two"]


@pytest.mark.parametrize(("expected", "maximum"), [(None, None), (5, None), (None, 5), (5, 5), (6, 5), (0, 0)])
def test_a_body_that_is_too_large(expected: int | None, maximum: int | None) -> None:
    async def read(body: Any) -> Any:
        body.set_result(b"12345")
        try:
            return await body
        except RequestEntityTooLarge as error:
            return type(error)

    assert trio.run(read, QueueBody(expected, maximum)) == trio.run(read, TrioBody(expected, maximum))
