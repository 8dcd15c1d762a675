"""The socket by which workers ask each other; its abstract name belongs to whoever is first."""

import logging
import os
import socket
from typing import Any

import pytest
import trio
import trio.testing

from trio_worker.status.agent import Agent, address, ask

QUESTION = {"ask": "state"}


class Live:
    """Answers with the question."""

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked


def told() -> dict[str, Any] | None:
    """What a worker is told by itself."""
    live: Any = Live()

    async def main() -> dict[str, Any] | None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Agent(live, os.getpid()).run)
            await trio.testing.wait_all_tasks_blocked()
            found = await ask(os.getpid(), os.getpid(), QUESTION)
            nursery.cancel_scope.cancel()
        return found

    return trio.run(main)


def test_a_worker_answers() -> None:
    assert told() == QUESTION


def test_a_name_that_is_taken_costs_the_answers_and_not_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_UNIX) as other, caplog.at_level(logging.ERROR):
        other.bind(address(os.getpid(), os.getpid()))
        assert told() is None
    assert "other workers cannot ask this one for its state: [Errno 98]" in caplog.text
