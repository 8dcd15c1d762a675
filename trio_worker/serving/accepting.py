"""Sockets and connections of a service put together: each connection that is accepted becomes work of a pool."""

import socket
from collections.abc import Sequence
from functools import partial

import trio

from trio_worker.http.service import Service
from trio_worker.protocols.uwsgi.whole import take_whole
from trio_worker.serving.attendant import attend
from trio_worker.serving.listeners import Listeners
from trio_worker.serving.stream_tasks import note_wait, run_streams
from trio_worker.serving.task_pool import TaskPool
from trio_worker.transport.gathering import GatheringWire
from trio_worker.transport.wire import Address

# One name for the tasks of all connections, and of all streams: a name made for each would be kept with each.
CONNECTION_TASK = "trio_worker.serving.attendant.attend"
STREAM_TASK = "trio_worker.serving.stream_tasks.run_streams"


def open_listeners(
    service: Service, nursery: trio.Nursery, descriptors: Sequence[int], alone: bool, most: int
) -> Listeners:
    """Return listeners whose connections the service serves.

    Args:
        service: it gets its pools of tasks here.
        nursery: where these run.
        descriptors: of the sockets.
        alone: whether no other worker accepts on them.
        most: connections that may be open at a time.
    """
    service.tasks = tasks = TaskPool(nursery, partial(attend, service), CONNECTION_TASK)
    service.streams = TaskPool(nursery, run_streams, STREAM_TASK, note_wait)
    packets = TaskPool(nursery, run_streams, CONNECTION_TASK, note_wait)

    def accepted(sock: socket.SocketType, client: object, server: Address | None) -> None:
        service.connections.opened()
        wire = GatheringWire(sock, client, service.options.write_timeout, server)
        packet = take_whole(service, wire) if service.bare else None
        if packet is None:
            tasks.start(wire)
        else:
            packets.start(packet)

    def has_room() -> bool:
        return service.connections.count < most

    return Listeners(descriptors, accepted, alone, has_room)
