"""However many connections have something to read at the same time, few of them are told so in one turn of the loop."""

import os
import socket
from contextlib import ExitStack

import trio

from trio_worker.transport.connections import Connection, Connections
from trio_worker.transport.readiness import AT_ONCE, Readiness
from trio_worker.transport.socket_wire import SocketWire

# Connections that are ready at the same time.
MANY = 4 * AT_ONCE


class Woken(Connection):
    """A connection that counts how many of them have been woken since that was asked for last."""

    count = 0

    def wake(self, ended: bool) -> None:
        Woken.count += 1


async def _told_in_each_turn(clients: list[socket.socket]) -> list[int]:
    connections, told = Connections(), list[int]()
    readiness = Readiness(connections)
    for each in clients:
        connection = Woken(SocketWire(each, None, 5))
        connections.add(each.fileno(), connection)
        readiness.watch(each.fileno())
        readiness.watch_now(each.fileno())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readiness.run)
        while sum(told) < MANY:
            Woken.count = 0
            await trio.lowlevel.checkpoint()
            told.append(Woken.count)
        nursery.cancel_scope.cancel()
    return told


def test_few_are_told_in_one_turn() -> None:
    with ExitStack() as stack:
        pairs = [tuple(map(stack.enter_context, socket.socketpair())) for _ in range(MANY)]
        for _, theirs in pairs:
            os.write(theirs.fileno(), b"x")
        # Trio lets the tasks of one turn run in either order.
        assert max(trio.run(_told_in_each_turn, [ours for ours, _ in pairs])) <= 2 * AT_ONCE
