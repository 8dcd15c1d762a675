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
OTHER = {"ask": "tasks"}


class Live:
    """Answers with the question."""

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked


class Failing(Live):
    """Cannot tell of what its app has made."""

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked == QUESTION:
            raise RecursionError("too deep")
        return {**asked}


def told(live: Any, *questions: Any) -> list[Any]:
    """What a worker is told by itself."""

    async def main() -> list[Any]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Agent(live, os.getpid()).run)
            await trio.testing.wait_all_tasks_blocked()
            found = [await ask(os.getpid(), os.getpid(), each) for each in questions]
            nursery.cancel_scope.cancel()
        return found

    return trio.run(main)


def test_a_worker_answers() -> None:
    assert told(Live(), QUESTION) == [QUESTION]


def test_what_cannot_be_told_costs_the_answer_and_not_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    assert told(Failing(), QUESTION, [], deep, OTHER) == [None, None, None, OTHER]
    assert "RecursionError: too deep" in caplog.text


def test_a_name_that_is_taken_costs_the_answers_and_not_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_UNIX) as other, caplog.at_level(logging.ERROR):
        other.bind(address(os.getpid(), os.getpid()))
        assert told(Live(), QUESTION) == [None]
    assert "other workers cannot ask this one for its state: [Errno 98]" in caplog.text
