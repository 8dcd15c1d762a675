"""Who hung up while the app was working.

Every connection sits once in one epoll set that asks for nothing but the end of the client's side, edge-triggered: data
causes no wake-up, and the set costs nothing per request. One task waits for the set itself.
"""

import select

import trio

from trio_worker.connections import Connections


class Disconnects:
    """The epoll set of this worker's connections.

    Args:
        connections: where a descriptor that hung up is looked up.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._epoll = select.epoll()

    def watch(self, descriptor: int) -> None:
        """Start to watch an open descriptor."""
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLET)

    def forget(self, descriptor: int) -> None:
        """Stop watching, before the descriptor is closed: a copy in a forked process would keep it in the set."""
        if not self._epoll.closed:
            self._epoll.unregister(descriptor)

    async def run(self) -> None:
        """Tell each connection whose client hangs up, until cancelled."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, _ in self._epoll.poll(0):
                    connection = self._connections.get(descriptor)
                    if connection is not None:
                        connection.hang_up()
        finally:
            self._epoll.close()
