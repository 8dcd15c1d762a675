"""An idle connection takes so much of its worker's memory, and no more: there are thousands of them."""

import socket
import time

import pytest

from benchmarks.clients import Use, allow_connections, ask, idle_connections, open_websocket
from benchmarks.memory import worker_memory
from benchmarks.running import BARE, running
from benchmarks.servers import WORKER
from trio_worker.protocols.http1.connection import REST_AFTER
from trio_worker.transport.deadlines import SWEEP_INTERVAL

# So many that what Python's allocator takes at a time, 1 MiB, is less than half a KiB of each.
CONNECTIONS = 3000

# Connections that have not come to rest at a time, at most. Nothing outside of the worker shows that they have.
AT_ONCE = 500
SWEEP = 2 * SWEEP_INTERVAL


class Resting:
    """Asks once on each connection, and waits now and then until those so far have come to rest."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, connection: socket.socket) -> None:
        """Use a new connection."""
        ask(connection)
        self._count += 1
        if self._count % AT_ONCE == 0:
            time.sleep(REST_AFTER + SWEEP)


@pytest.mark.long
@pytest.mark.parametrize(("use", "kib"), [(Resting(), 2), (open_websocket, 8)], ids=["keep-alive", "websocket"])
def test_memory_of_an_idle_connection(use: Use, kib: float) -> None:
    allow_connections(CONNECTIONS)
    with running(WORKER, BARE, connections=CONNECTIONS + 100) as started:
        port = started.site.port
        with idle_connections(port, 1) as (connection,), idle_connections(port, 20, open_websocket):
            for _ in range(500):
                ask(connection)
        before = worker_memory(started)["rss"]
        with idle_connections(port, CONNECTIONS, use):
            after = worker_memory(started)["rss"]
    assert (after - before) / CONNECTIONS <= kib * 1024
