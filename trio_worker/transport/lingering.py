"""The last moments of a connection: our side has ended, and its client may still be sending.

A close with unread data would reach the client before our last words do (RFC 9112 section 9.6). So what it sends is
read and dropped until it closes as well, for a while. One that has not read all yet has longer, while it reads what the
kernel has for it, or sends the little that one of HTTP/2 does to get more. It is looked at before it is given up: on a
busy machine the worker may have had no more processor than its client. Clients that send without pause stay for all of
it; few may, and one more ends the one that has stayed for the longest. Who says nothing is in nobody's way.
"""

import struct
import termios
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from functools import partial

import trio

from trio_worker.transport.turns import Turns
from trio_worker.transport.wire import Wire

# Seconds that a client has to close its side, and how many may send on meanwhile.
PATIENCE, MOST = 2.0, 64

# Seconds between two looks at a client that has not read all yet, and for which it may go on; and bytes between them
# that are no more than what HTTP/2 has to say to get more.
LOOK, LONGEST, LITTLE = 1.0, 60.0, 16384

# Looks without a sign that it reads, before the first sign and behind one: a client that has no processor for a while,
# as on a busy machine, is not one that does not read; and one that has gone holds up no drain for long.
UNREAD, PAUSING = 2, 10

# Waits for what a client does at its end, and calls with the number of bytes that have come whenever some have.
End = Callable[[Callable[[int], None]], Awaitable[None]]


class Lingering:
    """The connections of this worker that are about to close.

    Args:
        turns: of those who have more to do.
    """

    __slots__ = ("_sending", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        # The scopes of those who send on; the first one has done so for the longest.
        self._sending: dict[trio.CancelScope, None] = {}

    @contextmanager
    def stay(self) -> Iterator[trio.CancelScope]:
        """Bound the time of what a connection does last, in the scope that ends it."""
        with trio.move_on_after(PATIENCE) as scope:
            try:
                yield scope
            finally:
                self._sending.pop(scope, None)

    async def part(self, wire: Wire, scope: trio.CancelScope) -> None:
        """End our side, and drop what comes until the client ends its own.

        Args:
            wire: the connection.
            scope: in which it stays.
        """
        with suppress(OSError):
            await wire.settle()
        wire.end_writing()
        await self.await_end(wire, scope, partial(self._drop, wire, scope))

    async def await_end(self, wire: Wire, scope: trio.CancelScope, end: End) -> None:
        """Wait for an end that the client makes: as long as it reads what is on its way to it, and then a little.

        Args:
            wire: the connection.
            scope: in which it stays.
            end: waits for that, and tells how many bytes have come; cancelled and called again now and then.
        """
        if not ((unread := count_unread(wire)) and await _let_read(wire, scope, unread, end)):
            await end(_ignore)

    async def _drop(self, wire: Wire, scope: trio.CancelScope, heard: Callable[[int], None]) -> None:
        """Drop what comes until the client has ended its side, and has read all."""
        while data := await wire.receive():
            heard(len(data))
            if scope not in self._sending:
                self._join(scope)
            await self._turns.pause()
        if count_unread(wire):
            await trio.sleep_forever()

    def _join(self, scope: trio.CancelScope) -> None:
        if len(self._sending) >= MOST:
            first = next(iter(self._sending))
            del self._sending[first]
            first.cancel()
        self._sending[scope] = None


async def _let_read(wire: Wire, scope: trio.CancelScope, unread: int, end: End) -> bool:
    """Stay as long as the client reads; return True if its end has come meanwhile."""
    scope.deadline, looks, came = trio.current_time() + LONGEST, UNREAD, list[int]()
    while unread:
        with trio.move_on_after(LOOK):
            await end(came.append)
            return True
        before, unread = unread, count_unread(wire)
        is_sign = 0 < sum(came) <= LITTLE or unread < before
        looks = PAUSING if is_sign else min(looks, UNREAD if came else PAUSING) - 1
        came.clear()
        if not looks:
            scope.cancel()
    scope.deadline = min(scope.deadline, trio.current_time() + PATIENCE)
    return False


def _ignore(size: int) -> None:
    """Do nothing about bytes that have come."""


def count_unread(wire: Wire) -> int:
    """Return how many bytes a close might lose: those that the client has not acknowledged (tcp(7), SIOCOUTQ).

    None are lost on a UNIX socket, where the client has them already.
    """
    if wire.client is not None and (descriptor := wire.fileno()) >= 0:  # A stream that is a wire has none.
        with suppress(OSError):
            return int(struct.unpack("i", ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0])
    return 0
