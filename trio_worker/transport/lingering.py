"""The last moments of a connection: our side has ended, and its client may still be sending.

A close with unread data would reach the client before our last words do (RFC 9112 section 9.6). So what it sends is
read and dropped until it closes as well, for a while. Clients that send without pause stay for all of it; so few of
them may, and one more ends the one that has stayed for the longest. Who says nothing is in nobody's way.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from trio_worker.transport.turns import Turns
from trio_worker.transport.wire import Wire

# Seconds that a client has to close its side, and how many may send on meanwhile.
PATIENCE, MOST = 2.0, 64


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
        await wire.end_writing()
        while await wire.receive():
            if scope not in self._sending:
                self._join(scope)
            await self._turns.pause()

    def _join(self, scope: trio.CancelScope) -> None:
        if len(self._sending) >= MOST:
            first = next(iter(self._sending))
            del self._sending[first]
            first.cancel()
        self._sending[scope] = None
