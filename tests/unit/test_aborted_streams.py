"""A connection of HTTP/2 that is ended while streams of it wait for a task: they end with it."""

import socket
from typing import Any

import trio
from support.hostile import tunnels
from support.in_process import accept, make_service, start

from trio_worker.http.service import Service
from trio_worker.transport.socket_wire import SocketWire

# Sessions that are asked for in one read; the first one begins before others have a task.
SESSIONS = 4


async def abort_in_the_first() -> None:
    begun: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        begun.append(SESSIONS - len(service.tasks.waiting))  # type: ignore[attr-defined]
        for connection in service.connections:
            connection.abort()
        theirs.close()
        await trio.sleep_forever()

    service: Service = make_service(app)
    ours, theirs = socket.socketpair()
    theirs.sendall(tunnels.sessions(SESSIONS))
    async with trio.open_nursery() as nursery:
        start(service, nursery)
        accept(service, SocketWire(ours, None, 5))
        with trio.fail_after(10):
            await service.connections.wait_empty()
        nursery.cancel_scope.cancel()
    assert begun[0] < SESSIONS
    assert not service.counters.exceptions


def test_sessions_that_no_task_has_begun_with() -> None:
    trio.run(abort_in_the_first)
