"""The last moments of a connection: our side has ended, and its client may still be sending.

A close with unread data would reach the client before our last words do (RFC 9112 section 9.6). So what it sends is
read and dropped until it closes as well, for a while. One that has not read all yet has longer, while it reads what the
kernel has for it, or sends the little that one of HTTP/2 does to get more. It is looked at before it is given up: on a
busy machine the worker may have had no more processor than its client. Clients that send without pause stay for all of
it; few may, and one more ends the one that has stayed for the longest. Who says nothing is in nobody's way.
"""

import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl

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


class Lingering:
    """The connections of this worker that are about to close.

    Args:
        turns: of those who have more to do.
    """

    __slots__ = ("_sending", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        # The scopes of those who send on, and how many bytes they have sent; the first one has done so for the longest.
        self._sending: dict[trio.CancelScope, int] = {}

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
        wire.end_writing()
        if not ((unread := count_unread(wire)) and await self._let_read(wire, scope, unread)):
            await self._drop(wire, scope)

    async def _let_read(self, wire: Wire, scope: trio.CancelScope, unread: int) -> bool:
        """Stay as long as the client reads what is on its way to it; return True if it has ended its side."""
        scope.deadline, looks, sent, ended = trio.current_time() + LONGEST, UNREAD, 0, False
        while unread:
            with trio.move_on_after(LOOK):
                if ended:
                    await trio.sleep_forever()
                await self._drop(wire, scope)
                ended = True
            before, unread = unread, count_unread(wire)
            came, sent = self._sending.get(scope, 0) - sent, self._sending.get(scope, 0)
            is_sign = 0 < came <= LITTLE or unread < before
            looks = PAUSING if is_sign else min(looks, UNREAD if came else PAUSING) - 1
            if not looks:
                scope.cancel()
        scope.deadline = min(scope.deadline, trio.current_time() + PATIENCE)
        return ended

    async def _drop(self, wire: Wire, scope: trio.CancelScope) -> None:
        """Drop what comes until the client ends its side."""
        while data := await wire.receive():
            if scope not in self._sending:
                self._join(scope)
            self._sending[scope] += len(data)
            await self._turns.pause()

    def _join(self, scope: trio.CancelScope) -> None:
        if len(self._sending) >= MOST:
            first = next(iter(self._sending))
            del self._sending[first]
            first.cancel()
        self._sending[scope] = 0


def count_unread(wire: Wire) -> int:
    """Return how many bytes a close might lose: those that the client has not acknowledged (tcp(7), SIOCOUTQ).

    None are lost on a UNIX socket, where the client has them already.
    """
    if wire.client is not None and (descriptor := wire.fileno()) >= 0:  # A stream that is a wire has none.
        with suppress(OSError):
            return int(struct.unpack("i", ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0])
    return 0
