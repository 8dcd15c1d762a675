"""Streams of HTTP/2 run one after another in one task, each ends alone, and one costs a bounded number of calls."""

import socket
import sys
from collections import Counter
from collections.abc import Awaitable
from types import FrameType
from typing import Any

import pytest
import trio
from ngh2 import Connection, Role, StreamClosed, StreamReset

from trio_worker.application.fence import Application
from trio_worker.http.service import Service
from trio_worker.master.metrics import Counters
from trio_worker.options import parse
from trio_worker.protocols.hypercorn.config import make_config
from trio_worker.serving.accepting import open_listeners
from trio_worker.serving.attendant import run_streams
from trio_worker.transport.socket_wire import SocketWire

# Calls of our own code for a stream, four of which come in one read; each resumption of a coroutine counts as one.
MOST = 38

# Streams that a client opens at a time.
AT_ONCE = 4

FIELDS = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"example.org"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
]


async def app(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def ask(client: Connection, wire: trio.SocketStream, first: int) -> None:
    """Open some streams at a time, and read until all of them are closed."""
    for number in range(first, first + AT_ONCE):
        client.send_request([(b":path", b"/?n=%d" % number), *FIELDS], end_stream=True)
    closed = 0
    while closed < AT_ONCE:
        await wire.send_all(client.data_to_send())
        client.receive_data(await wire.receive_some())
        events = client.events()
        assert not any(isinstance(event, StreamReset) for event in events)
        closed += sum(isinstance(event, StreamClosed) for event in events)


def count_calls(requests: int) -> Counter[str]:
    """Return the Python functions that are called while so many requests are served on one connection."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            calls[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] += 1

    async def main() -> None:
        options, counters, draining = parse({}), Counters(), trio.Event()
        service = Service(options, counters, Application(app, counters, draining), draining, {}, make_config(options))
        ours, theirs = socket.socketpair()
        wire, client = trio.SocketStream(trio.socket.from_stdlib_socket(theirs)), Connection(Role.CLIENT)
        client.initiate_connection()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.readiness.run)
            open_listeners(service, nursery, [], alone=True, most=10)
            await wire.send_all(client.data_to_send())
            service.tasks.start(SocketWire(ours, "", 5))  # type: ignore[arg-type]
            for first in range(0, 20 + requests, AT_ONCE):
                if first == 20:  # The first ones have taught the worker what is remembered.
                    sys.setprofile(note)
                await ask(client, wire, first)
            sys.setprofile(None)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return calls


def test_the_calls_for_one_stream() -> None:
    requests = 25 * AT_ONCE
    calls = count_calls(requests)
    ours = {name: count for name, count in calls.items() if name.startswith("trio_worker.") and count > requests / 8}
    assert sum(ours.values()) / requests <= MOST, ours


class Stream:
    """A stream that does something, and keeps the task and the scope that it was run in."""

    cancel_scope: trio.CancelScope | None = None

    def __init__(self, fails: bool = False, cancels: bool = False) -> None:
        self.fails = fails
        self.cancels = cancels
        self.finished = 0
        self.ran_in: tuple[trio.lowlevel.Task, trio.CancelScope] | None = None

    def run(self) -> Awaitable[None]:
        return self._run()

    async def _run(self) -> None:
        assert self.cancel_scope is not None
        self.ran_in = trio.lowlevel.current_task(), self.cancel_scope
        if self.cancels:
            self.cancel_scope.cancel()
        await trio.lowlevel.checkpoint()
        if self.fails:
            raise ValueError("not this one")

    def finish(self) -> None:
        self.finished += 1


def run(*streams: Stream) -> list[Any]:
    """Run these streams in one task; return the scopes that they were in."""
    waiting = list(streams)

    async def following() -> Stream | None:
        await trio.lowlevel.checkpoint()
        return waiting.pop(0) if waiting else None

    trio.run(run_streams, waiting.pop(0), following)
    assert [each.finished for each in streams] == [1] * len(streams)
    assert len({each.ran_in[0] for each in streams if each.ran_in}) == 1
    return [each.ran_in and each.ran_in[1] for each in streams]


def test_a_scope_serves_one_stream_after_another() -> None:
    assert len({*run(Stream(), Stream(), Stream())}) == 1


def test_a_scope_that_was_cancelled_serves_no_other_stream() -> None:
    first, second, third = run(Stream(cancels=True), Stream(), Stream())
    assert first is not second is third


def test_an_error_ends_its_stream_only(caplog: pytest.LogCaptureFixture) -> None:
    assert len({*run(Stream(), Stream(fails=True), Stream())}) == 1
    assert "not this one" in caplog.text
