"""A packet that came whole is an open connection only while its app waits, and ends like any other."""

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from support import packets

from trio_worker.application.fence import Application
from trio_worker.asgi import RUNNING, App
from trio_worker.http.service import Service
from trio_worker.master.metrics import Counters
from trio_worker.options import parse
from trio_worker.protocols.hypercorn.config import make_config
from trio_worker.refusal import TOOK_TOO_LONG
from trio_worker.serving.accepting import open_listeners
from trio_worker.transport.connections import Connections

Look = Callable[[Service], Awaitable[None]]


async def answer(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"served"})


def serve(app: App, count: int, look: Look | None = None) -> list[bytes]:
    """Return what each of some packets that come together gets; `look` is awaited meanwhile."""

    async def receive(client: socket.socket, answers: dict[socket.socket, bytes]) -> None:
        async with trio.SocketStream(trio.socket.from_stdlib_socket(client)) as stream:
            answers[client] = b"".join([part async for part in stream])

    async def main() -> list[bytes]:
        options, counters, draining = parse({}), Counters(), trio.Event()
        service = Service(options, counters, Application(app, counters, draining), draining, {}, make_config(options))
        answers: dict[socket.socket, bytes] = {}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.readiness.run)
            with socket.create_server(("127.0.0.1", 0)) as listening:
                listeners = open_listeners(service, nursery, [listening.fileno()], alone=True, most=100)
                clients = [socket.create_connection(listening.getsockname()) for _ in range(count)]
            for number, client in enumerate(clients):
                client.sendall(packets.request(f"/{number}"))
            async with trio.open_nursery() as receiving:
                nursery.start_soon(listeners.run)
                for client in clients:
                    receiving.start_soon(receive, client, answers)
                if look is not None:
                    await look(service)
            assert len(service.connections) == service.connections.count == 0
            assert counters.connections == counters.requests == count
            nursery.cancel_scope.cancel()
        return [answers[client] for client in clients]

    return trio.run(main)


def test_one_that_waits_is_open_until_it_ends() -> None:
    others_done, going_on = trio.Event(), trio.Event()
    tasks: dict[str, trio.lowlevel.Task] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks[scope["path"]] = trio.lowlevel.current_task()
        if scope["path"] == "/1":
            await going_on.wait()
        await answer(send)
        if scope["path"] == "/3":
            others_done.set()

    async def look(service: Service) -> None:
        await others_done.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert service.counters.requests == 3
        assert len(service.connections) == service.connections.count == 1
        going_on.set()

    assert all(each.startswith(b"HTTP/1.1 200 ") and each.endswith(b"\r\n\r\nserved") for each in serve(app, 4, look))
    assert tasks["/0"] is tasks["/1"]
    assert tasks["/2"] is tasks["/3"] is not tasks["/1"]


def test_one_that_is_cancelled_cancels_no_other() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/0":
            scope["extensions"][RUNNING].cancel(TOOK_TOO_LONG)
            await trio.lowlevel.checkpoint()
        await answer(send)

    assert [each[9:12] for each in serve(app, 3)] == [b"504", b"200", b"200"]


@pytest.mark.parametrize("waits", [False, True])
def test_an_error_ends_its_packet_only(waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if waits:
            await trio.lowlevel.checkpoint()
        if scope["path"] == "/1":
            raise ValueError("not this one")
        await answer(send)

    assert [each[9:12] for each in serve(app, 3)] == [b"200", b"500", b"200"]
    assert "not this one" in caplog.text


def test_an_end_waits_for_connections_that_no_task_has_taken_up() -> None:
    async def main() -> None:
        connections = Connections()
        connections.opened()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connections.wait_empty)
            await trio.testing.wait_all_tasks_blocked()
            assert nursery.child_tasks
            connections.closed()

    trio.run(main)
