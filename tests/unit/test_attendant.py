"""One task serves one connection after another, and what was done to one is not done to the next."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.hostile.websocket import shake
from support.in_process import make_service, serve

from trio_worker.application.running import Running
from trio_worker.asgi import RUNNING, App
from trio_worker.http.service import Service
from trio_worker.protocols.websocket.connection import WebSocketConnection
from trio_worker.refusal import TOOK_TOO_LONG
from trio_worker.transport.socket_wire import SocketWire

REQUEST = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"


class Recorder:
    """An app that keeps what it has seen of each request.

    Args:
        do: called in each request with the number of those before it.
    """

    def __init__(self, do: Callable[["Recorder", int], Any]) -> None:
        self._do = do
        self.requests: list[Running] = []
        self.scopes: list[trio.CancelScope | None] = []
        self.tasks: list[trio.lowlevel.Task] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        number, request = len(self.requests), scope["extensions"][RUNNING]
        self.requests.append(request)
        self.scopes.append(request.cancel_scope)
        self.tasks.append(trio.lowlevel.current_task())
        self._do(self, number)
        await trio.lowlevel.checkpoint()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})


def serve_each(app: App, count: int) -> list[bytes]:
    """What each of some connections that follow one another gets."""

    async def main() -> list[bytes]:
        service = make_service(app)
        pairs = [socket.socketpair() for _ in range(count)]
        for _, theirs in pairs:
            theirs.sendall(REQUEST)
        await serve(service, *(SocketWire(ours, "", 5) for ours, _ in pairs))
        assert not len(service.connections)
        assert service.counters.connections == count
        return [theirs.recv(65536) for _, theirs in pairs]

    return trio.run(main)


def statuses(answers: list[bytes]) -> list[bytes]:
    return [each[9:12] for each in answers]


def test_one_scope_serves_them_all() -> None:
    app = Recorder(lambda app, number: None)
    assert statuses(serve_each(app, 3)) == [b"200"] * 3
    assert len({id(scope) for scope in app.scopes}) == 1
    assert len(set(app.tasks)) == 1


def test_a_scope_that_was_cancelled_serves_no_other() -> None:
    def cancel_the_first(app: Recorder, number: int) -> None:
        if number == 0:
            app.requests[0].cancel(TOOK_TOO_LONG)

    app = Recorder(cancel_the_first)
    assert statuses(serve_each(app, 3)) == [b"504", b"200", b"200"]
    assert app.scopes[0] is not app.scopes[1] is app.scopes[2]
    assert len(set(app.tasks)) == 1


def test_a_request_that_was_kept_cancels_nothing() -> None:
    def cancel_what_was(app: Recorder, number: int) -> None:
        for request in app.requests[:number]:
            request.cancel(TOOK_TOO_LONG)

    assert statuses(serve_each(Recorder(cancel_what_was), 3)) == [b"200"] * 3


def test_an_error_ends_its_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    def fail(app: Recorder, number: int) -> None:
        if number == 1:
            raise ValueError("not this one")

    assert statuses(serve_each(Recorder(fail), 3)) == [b"200", b"500", b"200"]
    assert "not this one" in caplog.text


@pytest.mark.parametrize("late", [1000, 0], ids=["late", "aborted"])
def test_a_handshake_is_told_of_its_end_before_it_is_served(late: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeper of a worker that was held up finds what goes on in another protocol, and that is not late; an end is.

    Args:
        late: by how many seconds the worker was held up; 0 for an end that does not ask for a deadline.
    """
    monkeypatch.setattr("trio_worker.transport.lingering.PATIENCE", 0.01)
    heard: list[WebSocketConnection] = []

    async def meddle(service: Service) -> None:
        while True:
            for each in service.connections:
                if isinstance(each, WebSocketConnection) and each.session is None and each not in heard:
                    heard.append(each)
                    if not late:
                        each.abort()
                    elif each.is_late(trio.current_time() + late):
                        each.expire()
            await trio.lowlevel.checkpoint()

    async def main() -> list[bytes]:
        service = make_service(lambda scope, receive, send: send({"type": "websocket.close"}))
        pairs = [socket.socketpair() for _ in range(20)]
        for _, theirs in pairs:
            theirs.sendall(shake())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(meddle, service)
            await serve(service, *(SocketWire(ours, "", 5) for ours, _ in pairs))
            nursery.cancel_scope.cancel()
        return [theirs.recv(65536) for _, theirs in pairs]

    answers = trio.run(main)
    assert heard  # Trio runs the tasks of a turn in any order: some are met between the two protocols.
    assert b"" not in answers if late else answers.count(b"") == len(heard)
