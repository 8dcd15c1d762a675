"""Bodies in Hypercorn's protocols: how long a request's may take, and how long a response's is."""

import math
from typing import Protocol

import trio

from trio_worker.asgi import Message
from trio_worker.http.response_head import count_body, prepare
from trio_worker.http.service import Service
from trio_worker.transport.wire import Wire


class Waiter(Protocol):
    """The call of an app that waits for more of its request's body."""

    def give_up(self) -> None:
        """Answer with this status instead."""


class BodyDeadlines:
    """Until when the apps of one connection wait for bodies: all of its streams share the one deadline of its wire.

    Args:
        service: the worker's.
        wire: the connection.
    """

    def __init__(self, service: Service, wire: Wire) -> None:
        self._service = service
        self._wire = wire
        self._deadlines: dict[Waiter, float] = {}

    def begin(self, task: Waiter) -> None:
        """The app of this task waits for more of its body from now on."""
        self._deadlines[task] = deadline = self._service.clock.now + self._service.options.body_timeout
        self._wire.deadline = min(self._wire.deadline, deadline)

    def end(self, task: Waiter) -> None:
        """It does not wait any more. The wire's deadline stays: a sweep for nothing is cheaper than a search."""
        self._deadlines.pop(task, None)

    @property
    def soonest(self) -> float:
        """The first of them on Trio's clock, `inf` where nobody waits."""
        return min(self._deadlines.values(), default=math.inf)

    def expire(self) -> None:
        """Answer 408 to those whose time is over."""
        now = trio.current_time()
        for task in [task for task, deadline in self._deadlines.items() if deadline <= now]:
            self.end(task)
            self._service.counters.timeouts += 1
            task.give_up()


class Count:
    """What of a response's body is still to come by its Content-Length (RFC 9110 section 8.6).

    Args:
        method: of the request.
        head: the `http.response.start`.

    Raises:
        ResponseError: the head is not valid.
    """

    def __init__(self, method: str, head: Message) -> None:
        length = prepare(head["status"], head["headers"]).length
        has_body = method != "HEAD" and head["status"] not in (204, 304)
        self._remaining = length if has_body and length >= 0 else None

    def add(self, size: int, more: bool) -> None:
        """Count a piece. Raises ResponseError where the body is longer or shorter than announced."""
        if self._remaining is not None:
            self._remaining = count_body(self._remaining, size, more)
