"""The reading side of an HTTP/2 connection: a read is taken apart in pieces, between which others have their turn.

A frame that costs its client nothing may cost us some microseconds, and a read holds thousands of them.
"""

from collections.abc import Sequence
from typing import Any

import trio

from trio_worker.protocols.http2 import session as http2
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.events import ACTIONS, ignore
from trio_worker.protocols.http2.flood import REQUEST_WORTH
from trio_worker.transport.socket_wire import RECEIVE_SIZE
from trio_worker.transport.turns import EVENTS

# Bytes that are taken apart at a time, to begin with; of the events in them, one for each frame or stream, as many are
# acted upon between two turns of the others as `Turns` says. A reset costs more: a task has been started for nothing.
# Requests that come few at a time do not wait behind those who have more to do.
PIECE, RESET_WEIGHT, FEW = 2048, 8, 4


class Intake:
    """The reading side of one connection.

    Args:
        connection: whose it is.
    """

    __slots__ = ("_acting", "_connection", "_due", "_events", "_piece")

    def __init__(self, connection: Carrier) -> None:
        self._connection = connection
        # A list, because an empty deque takes more than half a KiB.
        self._events: list[Any] = []
        self._acting = False
        self._piece = PIECE
        # True where what came last was so much that others go first.
        self._due = False

    async def wait_turn(self) -> None:
        """Wait, where the others have to do, until it is this connection's turn to have what has come taken apart."""
        if self._due:
            self._due = False
            await self._connection.service.turns.pause()

    async def take(self, data: bytes) -> None:
        """Take apart what came, act on it, and let others have their turn.

        Raises:
            Error: it breaks the protocol.
            ConnectionAbortedError: it costs more than it pays.
        """
        connection, at = self._connection, 0
        while at < len(data):
            piece = data[at : at + self._piece]  # A slice of all is no copy.
            at += len(piece)
            self._events.extend(connection.session.receive(piece))
            bodies = connection.session.bodies
            # A client that sends large frames is read as fast as it sends them, one that sends many is not.
            self._piece = PIECE if len(self._events) > EVENTS else min(2 * self._piece, RECEIVE_SIZE)
            requests = await self._act()
            cost = len(piece) - bodies - requests * REQUEST_WORTH
            if not connection.account.spend(cost, connection.service.clock.now):
                connection.fail("it sends frames that bring nothing, or makes us reset streams")
            self._due = cost > bodies or connection.owed > 0 or requests > FEW
            if at < len(data):
                self._due = False
                await connection.service.turns.pause()
            else:
                await trio.lowlevel.checkpoint()
            connection.owed = 0

    async def _act(self) -> int:
        """Act on what was read, and on what writing brings about meanwhile; return how many requests it began."""
        connection, requests, weight = self._connection, 0, 0
        turns = connection.service.turns
        self._acting = True
        for event in self._events:
            kind = type(event)
            requests += kind is http2.Requested
            weight += RESET_WEIGHT if kind is http2.Reset else 1
            ACTIONS.get(kind, ignore)(connection, event)
            if weight + connection.owed > turns.events:
                weight = connection.owed = 0
                await turns.pause()
        self._events.clear()
        self._acting = False
        if not connection.streams:
            connection.set_idle_deadline()
        return requests

    def follow(self, events: Sequence[Any]) -> None:
        """Act on what writing has brought about, behind what was read: no stream closes before it has begun."""
        if self._acting:
            self._events.extend(events)
            return
        for event in events:
            ACTIONS.get(type(event), ignore)(self._connection, event)

    def stop(self) -> None:
        """Act on nothing any more: the connection has ended."""
        self._events.clear()
        self._acting = True
