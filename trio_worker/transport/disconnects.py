"""The watch for clients that hang up while the app is working.

Every connection sits once in one epoll set that asks for nothing but the end of the client's side, edge-triggered: data
causes no wake-up, and the set costs nothing per request. One task waits for the set itself.

Connections that live for one short request never get into the set: two system calls for each would be a seventh of what
a request behind `uwsgi_pass` costs. A second task takes in what has stayed.
"""

import contextlib
import select

import trio

from trio_worker.transport.connections import Connections

# Seconds until a new connection is in the set, at most: how late it may be noticed that its client has gone.
PATIENCE = 0.05


class Disconnects:
    """The epoll set of this worker's connections.

    Args:
        connections: where a descriptor that hung up is looked up.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._epoll = select.epoll()
        # Descriptors that are not in the set yet, and whether there are any.
        self._fresh: set[int] = set()
        self._arrived = trio.Event()

    def watch(self, descriptor: int) -> None:
        """Watch an open descriptor from soon on."""
        self._fresh.add(descriptor)
        self._arrived.set()

    def forget(self, descriptor: int) -> None:
        """Stop watching, before the descriptor is closed: a copy in a forked process would keep it in the set."""
        if descriptor in self._fresh:
            self._fresh.remove(descriptor)
        elif not self._epoll.closed:
            self._epoll.unregister(descriptor)

    async def run(self) -> None:
        """Tell each connection whose client hangs up, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._take_in)
                await self._tell()
        finally:
            self._epoll.close()

    async def _take_in(self) -> None:
        while True:
            await self._arrived.wait()
            await trio.sleep(PATIENCE)
            for descriptor in tuple(self._fresh):
                with contextlib.suppress(OSError):  # As many are watched as the kernel allows: it is tried again.
                    # One whose client has gone already is told at once.
                    self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLET)
                    self._fresh.remove(descriptor)
            if not self._fresh:
                self._arrived = trio.Event()

    async def _tell(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            for descriptor, _ in self._epoll.poll(0):
                connection = self._connections.get(descriptor)
                if connection is not None:
                    connection.hang_up()
