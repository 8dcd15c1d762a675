"""Quart's request body, over a queue that costs what it holds.

From 0.23 a body is a queue, which in Quart-Trio is a memory channel with two ends and their state; every request makes
one, most of them for nothing. The queue here is a deque, and a place to wait in where somebody does.
"""

import asyncio
from collections import deque
from functools import cache
from typing import Any

import trio
from quart_trio.wrappers.request import EventWrapper, TrioBody
from werkzeug.exceptions import RequestEntityTooLarge


class BodyQueue:
    """The queue of a body, as Quart uses `quart_trio.datastructures.TrioQueue`."""

    __slots__ = ("_is_shut", "_items", "_waiting")

    def __init__(self) -> None:
        self._items: deque[bytes] = deque()
        self._waiting: trio.lowlevel.ParkingLot | None = None
        self._is_shut = False

    async def put(self, value: bytes) -> None:
        """Add a piece; a checkpoint. Raises like `put_nowait`."""
        await trio.lowlevel.checkpoint()
        self.put_nowait(value)

    def put_nowait(self, value: bytes) -> None:
        """Add a piece.

        Raises:
            QueueShutDown: nothing may come any more.
        """
        if self._is_shut:
            raise _shut_down()
        self._items.append(value)
        self._wake()

    async def get(self) -> bytes:
        """Take the next piece; a checkpoint.

        Raises:
            QueueShutDown: there is none, and none will come.
        """
        await trio.lowlevel.checkpoint()
        while not self._items:
            if self._is_shut:
                raise _shut_down()
            if self._waiting is None:
                self._waiting = trio.lowlevel.ParkingLot()
            await self._waiting.park()
        return self._items.popleft()

    def get_nowait(self) -> bytes:
        """Take the next piece, if one is there.

        Raises:
            QueueEmpty: there is none.
        """
        if self._items:
            return self._items.popleft()
        raise _shut_down() if self._is_shut else asyncio.QueueEmpty

    def empty(self) -> bool:
        """Return True if no piece is there."""
        return not self._items

    def shutdown(self) -> None:
        """Let nothing more come; what is there can still be taken."""
        self._is_shut = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.unpark_all()


class QueueBody(TrioBody):
    """`quart_trio.wrappers.request.TrioBody` over such a queue."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        self._data: Any = None
        self._complete: Any = EventWrapper()
        self._queue: Any = BodyQueue()
        self._max_content_length = max_content_length
        self._must_raise = None
        if max_content_length is not None and (expected_content_length or 0) > max_content_length:
            self._must_raise = RequestEntityTooLarge()


@cache
def is_alike() -> bool:
    """Compare a body and its queue with Quart-Trio's, which may have changed what they consist of."""
    ours, theirs = vars(QueueBody(None, None)), vars(TrioBody(None, None))
    asked = {name for name in vars(BodyQueue) if not name.startswith("_")}
    return ours.keys() == theirs.keys() and asked == {name for name in vars(type(theirs["_queue"])) if name[0] != "_"}


def _shut_down() -> Exception:
    # asyncio has it from Python 3.13 on, and Quart has such queues only there.
    error: Exception = asyncio.QueueShutDown()  # type: ignore[attr-defined,unused-ignore]
    return error
