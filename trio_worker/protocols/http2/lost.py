"""The streams whose clients have gone before their apps: the connection forgets them, and their time goes on."""

from functools import partial
from math import inf
from typing import Any

from trio_worker.transport.deadlines import Clock
from trio_worker.transport.turns import Turns


class Lost:
    """Those of one connection, until their time is over."""

    __slots__ = ("_streams",)

    def __init__(self) -> None:
        self._streams: dict[int, Any] = {}

    def add(self, stream: Any) -> None:
        """Have the stream's `expire` called at its deadline, also when its connection has forgotten it."""
        self._streams[stream.stream] = stream

    def discard(self, stream: Any) -> None:
        """Forget a stream whose app has ended."""
        self._streams.pop(stream.stream, None)

    def is_late(self, now: float) -> bool:
        """Return True if the time of one of them is over."""
        return any(each.deadline <= now for each in self._streams.values())

    def expire(self, clock: Clock, turns: Turns) -> None:
        """Have those act on it whose time is over, a few at a time, as work.py does for the others."""
        for stream in self._streams.values():
            if stream.deadline <= clock.now:
                turns.soon(partial(self._expire, stream, clock))

    def _expire(self, stream: Any, clock: Clock) -> None:
        if stream.deadline <= clock.now:
            stream.expire()
            if stream.deadline == inf:
                self.discard(stream)

    def clear(self) -> None:
        """Forget all: the connection has ended."""
        self._streams.clear()
