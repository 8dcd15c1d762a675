"""Fronts that send a body without pause: they leave time for the others, and are cut off where they never stop."""

import socket
import time
from typing import Any

import pytest
import trio
from support.http1 import connect
from support.in_process import make_service, serve
from support.packets import ask, post, request
from support.uwsgi import Server, Servers

from trio_worker.transport.socket_wire import RECEIVE_SIZE, SocketWire


@pytest.fixture(scope="module")
def limited(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="own_way:app", limit_post=1000)


class Turns:
    """How often another task got its turn."""

    def __init__(self) -> None:
        self.count = 0

    async def run(self) -> None:
        while True:
            await trio.lowlevel.checkpoint()
            self.count += 1


async def serve_all(app: Any, turns: Turns, data: bytes) -> None:
    """Serve, in this process, a connection all of whose data has come before it was accepted.

    The front, which says no more, is not taken for gone, however late that is noticed.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, connect(listener.getsockname()) as front:
        accepted, peer = listener.accept()
        front.sendall(data)
        front.shutdown(socket.SHUT_WR)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns.run)
            await trio.lowlevel.checkpoint()
            await serve(make_service(app, trio_half_close="true"), SocketWire(accepted, peer, 5))
            nursery.cancel_scope.cancel()


class TestWithoutPause:
    """The kernel holds so much that no read ever waits: the others must have their turn all the same."""

    reads = 50
    packet = post("/", reads * RECEIVE_SIZE)

    def test_a_body_that_is_read(self) -> None:
        turns = Turns()
        seen: list[int] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            turns.count, more = 0, True
            while more:
                more = (await receive())["more_body"]
            seen.append(turns.count)
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"read"})

        trio.run(serve_all, app, turns, self.packet + bytes(self.reads * RECEIVE_SIZE))
        assert seen[0] > 0

    def test_a_body_that_nobody_reads(self) -> None:
        turns = Turns()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"early"})
            turns.count = 0

        trio.run(serve_all, app, turns, self.packet + bytes(self.reads * RECEIVE_SIZE))
        assert turns.count > self.reads // 2

    def test_a_front_that_never_stops_is_cut_off(self, limited: Server) -> None:
        with connect(limited.unix_path) as front:
            front.sendall(post("/early", 1 << 40))
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                while time.monotonic() - began < 10:
                    front.sendall(b"x" * 1_000_000)
        assert time.monotonic() - began < 6
        assert ask(limited.unix_path, request("/early")).body == b"early"
