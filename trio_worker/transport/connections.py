"""The connections of this worker: how each is ended, and who asks.

A connection is told things by four others: the sweeper when its deadline has passed, the watcher of hang-ups when its
client has gone, the drain when the worker ends gracefully, and destroy. They know it only by the small interface here.
"""

from collections.abc import Iterator

import trio

from trio_worker.transport.wire import Wire


class Connection:
    """One client's connection in one protocol.

    Subclasses serve it in `serve`, end it in `step_outside` where more than a close is left to do, and say what the
    calls of the four mean to them. None of these calls may block, and each may come at any checkpoint of the serving
    task.

    Attributes:
        wire: its bytes.
        cancel_scope: the scope that its task is in.
    """

    __slots__ = ("cancel_scope", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.cancel_scope: trio.CancelScope

    def enter(self, scope: trio.CancelScope) -> None:
        """The task has entered this cancel scope, and will serve the connection in it."""
        self.cancel_scope = scope

    def leave(self) -> None:
        """The connection is closed, and the task goes on to others: nothing here may cancel it any more."""

    async def serve(self) -> "Connection | None":
        """Serve the connection within its cancel scope.

        Returns:
            The connection that goes on in another protocol, if one does.
        """
        raise NotImplementedError

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do when `serve` has returned."""
        return True

    async def step_outside(self) -> bool:
        """Do what cannot be done within the scope, which has been cancelled or is not to be kept.

        Returns:
            Whether the connection is to be served again, in a new scope.
        """
        return False

    def expire(self) -> None:
        """The wire's deadline has passed."""
        self.abort()

    def hang_up(self) -> None:
        """The client has closed its side, or the connection broke."""

    def start_drain(self) -> None:
        """The worker takes no new connections from here on; what is asked on this one is still answered."""

    def end_linger(self) -> None:
        """The time that idle connections had for one more request is over: end when nothing is in flight."""
        self.wire.end_reading()

    def abort(self) -> None:
        """End now, whatever is in flight."""
        self.cancel_scope.cancel()
        if self.wire.stalled:
            self.wire.abort()  # A write that is shielded from the cancellation ends with its socket.


class Connections:
    """Every open connection by its descriptor."""

    def __init__(self) -> None:
        self._open: dict[int, Connection] = {}
        self._empty: trio.Event | None = None

    def add(self, descriptor: int, connection: Connection) -> None:
        """Take up a connection; one that continues another on the same descriptor takes its place."""
        self._open[descriptor] = connection

    def discard(self, descriptor: int) -> None:
        """Forget the connection on this descriptor."""
        self._open.pop(descriptor, None)
        if not self._open and self._empty is not None:
            self._empty.set()

    def get(self, descriptor: int) -> Connection | None:
        """The connection on this descriptor, if it is still open."""
        return self._open.get(descriptor)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        """The connections open now; they may come and go while you iterate."""
        return iter(list(self._open.values()))

    def expired(self, now: float) -> list[Connection]:
        """Those whose deadline, on Trio's clock in seconds, has passed."""
        return [each for each in self._open.values() if each.wire.deadline <= now or each.wire.stall_deadline <= now]

    async def wait_empty(self) -> None:
        """Wait until none is open."""
        while self._open:
            self._empty = trio.Event()
            await self._empty.wait()
        self._empty = None
