"""Connections of HTTP/2 that ask for much again and again, woken at the same time, go on a few in each turn.

Nor does one that asks for what takes long keep the others waiting for all that it has asked for.
"""

import socket
import time
from typing import Any

import trio
from ngh2 import Connection, Role, StreamClosed
from support.in_process import accept, make_service, start

from trio_worker.http.service import Service
from trio_worker.transport.socket_wire import SocketWire

CONNECTIONS, AT_ONCE, ROUNDS = 80, 32, 3

# Requests that are done in one turn of the loop, of all connections together.
MOST = 640

FIELDS = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"example.org")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


# Seconds of CPU time that a request takes of the others, requests that one client has asked for, and those of them
# that may be done in one turn: they fit into some 2 ms.
LONG, ASKED, FEW = 0.001, 16, 4


async def long_app(scope: Any, receive: Any, send: Any) -> None:
    until = time.thread_time() + LONG
    while time.thread_time() < until:
        pass
    await app(scope, receive, send)


class Client:
    """A client that sends all its requests in one write."""

    def __init__(self, theirs: socket.socket) -> None:
        self._socket, self._session = theirs, Connection(Role.CLIENT)
        self._session.initiate_connection()

    def ask(self, count: int = AT_ONCE) -> None:
        for number in range(count):
            self._session.send_request([(b":path", b"/?n=%d" % number), *FIELDS], end_stream=True)
        self._socket.sendall(self._session.data_to_send())

    async def read(self, count: int = AT_ONCE) -> None:
        closed = 0
        while closed < count:
            await trio.lowlevel.wait_readable(self._socket)
            self._session.receive_data(self._socket.recv(65536))
            closed += sum(isinstance(event, StreamClosed) for event in self._session.events())


async def most_in_a_turn(service: Service, clients: list[Client], count: int = AT_ONCE) -> int:
    """Have all of them ask at the same time, and return how many requests were done in one turn at most."""
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            before = service.counters.requests
            await trio.lowlevel.checkpoint()
            most = max(most, service.counters.requests - before)

    async with trio.open_nursery() as watching:
        watching.start_soon(watch)
        for client in clients:
            client.ask(count)
        async with trio.open_nursery() as reading:
            for client in clients:
                reading.start_soon(client.read, count)
        watching.cancel_scope.cancel()
    return most


def test_those_who_asked_for_much_wait_for_their_turn() -> None:
    async def main() -> list[int]:
        service = make_service(app)
        pairs = [socket.socketpair() for _ in range(CONNECTIONS)]
        clients = [Client(theirs) for _, theirs in pairs]
        async with trio.open_nursery() as nursery:
            start(service, nursery)
            nursery.start_soon(service.turns.keep)
            for ours, _ in pairs:
                accept(service, SocketWire(ours, "", 5))
            found = [await most_in_a_turn(service, clients) for _ in range(ROUNDS)]
            nursery.cancel_scope.cancel()
        return found

    first, *later = trio.run(main)
    assert max(later) <= MOST, (first, later)


def test_what_takes_long_is_done_a_few_at_a_time() -> None:
    async def main() -> int:
        service = make_service(long_app)
        ours, theirs = socket.socketpair()
        async with trio.open_nursery() as nursery:
            start(service, nursery, SocketWire(ours, "", 5))
            nursery.start_soon(service.turns.keep)
            most = await most_in_a_turn(service, [Client(theirs)], ASKED)
            nursery.cancel_scope.cancel()
        return most

    assert 1 <= trio.run(main) <= FEW
