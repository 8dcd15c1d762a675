"""The connections of this worker: how each is served and ended, and who asks.

A connection is told things by four others: the sweeper when its deadline has passed, the epoll set when bytes have come
or its client has gone, the drain when the worker ends gracefully, and destroy. They know it only by the small interface
here.
"""

import enum
from collections.abc import Callable, Iterator
from typing import Final

import trio

from trio_worker.transport.wire import Wire


class Outcome(enum.Enum):
    """The next step for a connection, when its task has served it for now."""

    CLOSE = "nothing is left to do but close it"
    AGAIN = "it is served again, when others have had their turn"
    PARKED = "it waits for its client without a task"
    TAKEN = "another task serves it on"


CLOSE, AGAIN, PARKED, TAKEN = Outcome

# The rest is done outside of the task's cancel scope. Coroutines that know no outcomes return this, so one of them may
# serve a connection by itself.
OUTSIDE: Final = None


class Work:
    """A piece of work for a pooled task: a connection, or a part of one that runs by itself.

    Attributes:
        cancel_scope: the scope that its task is in, of no meaning while it has none.
        attendant: who serves it; None while it has no task.
    """

    __slots__ = ("attendant", "cancel_scope")

    cancel_scope: trio.CancelScope
    attendant: object

    async def serve(self) -> "Work | Outcome | None":
        """Do it within its cancel scope.

        Returns:
            What is left to do, OUTSIDE for one, or the connection that goes on in another protocol.
        """
        raise NotImplementedError

    async def step_outside(self) -> Outcome:
        """Do what cannot be done within the scope, which has been cancelled or is not to be kept."""
        return CLOSE

    def release(self) -> None:
        """Let go of what refers back to this, once nobody serves it any more.

        A circle would wait for the garbage collector, and its memory be cold when it is used again.
        """


class Connection(Work):
    """One client's connection in one protocol.

    Subclasses serve it in `serve`, end it in `step_outside` where more than a close is left to do, and say what the
    calls of the four mean to them. None of these calls may block, and each may come at any checkpoint of the serving
    task.

    Attributes:
        wire: its bytes.
    """

    __slots__ = ("wire",)

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def is_late(self, now: float) -> bool:
        """Return True if it is open, and its deadline has passed, on Trio's clock in seconds."""
        wire = self.wire
        return (wire.deadline <= now or wire.stall_deadline <= now) and wire.fileno() >= 0

    def expire(self) -> None:
        """Act on the wire's deadline, which has passed."""
        self.abort()

    def wake(self, ended: bool) -> None:
        """Take note of bytes that have come, or (`ended`) of the end of them."""
        self.wire.wake(ended)

    def hang_up(self) -> None:
        """Take note that the client has closed its side, or that the connection broke."""

    def lose(self) -> None:
        """Take note that its client has reset it, so nothing that has come or is written is of use to anybody."""

    def start_drain(self) -> None:
        """Prepare for the end of the worker: what is asked on this connection is still answered."""

    def end_linger(self) -> None:
        """End when nothing is in flight: the time that idle connections had for one more request is over."""
        self.wire.end_reading()

    def abort(self) -> None:
        """End now, whatever is in flight."""
        self.cancel_scope.cancel()
        if self.wire.stalled:
            self.wire.abort()  # A write that is shielded from the cancellation ends with its socket.

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.wire!r}>"


class Connections:
    """Every open connection by its descriptor.

    Attributes:
        count: how many are open, those included that no task has taken up yet.
    """

    def __init__(self) -> None:
        self.count = 0
        self._open: dict[int, Connection] = {}
        self._empty: trio.Event | None = None

    def opened(self) -> None:
        """Count a connection that was accepted."""
        self.count += 1

    def add(self, descriptor: int, connection: Connection) -> None:
        """Take up a connection; one that continues another on the same descriptor takes its place."""
        self._open[descriptor] = connection

    def discard(self, descriptor: int) -> None:
        """Forget the connection on this descriptor, which is closed."""
        self._open.pop(descriptor, None)
        self.closed()

    def closed(self) -> None:
        """Count one that is closed, and was not taken up or has been forgotten."""
        self.count -= 1
        if self._empty is not None and self._is_empty():
            self._empty.set()

    def _is_empty(self) -> bool:
        return not self._open and self.count <= 0

    def get(self, descriptor: int) -> Connection | None:
        """Return the connection on this descriptor, if it is still open."""
        return self._open.get(descriptor)

    def finder(self) -> Callable[[int], Connection | None]:
        """Return what does the same as `get` and costs less."""
        return self._open.get

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        """Iterate over the connections open now; they may come and go meanwhile."""
        return iter(list(self._open.values()))

    def expired(self, now: float) -> list[Connection]:
        """Return those that are late."""
        return [each for each in self._open.values() if each.is_late(now)]

    async def wait_empty(self) -> None:
        """Wait until none is open, or is to be taken up."""
        while not self._is_empty():
            self._empty = trio.Event()
            await self._empty.wait()
        self._empty = None
