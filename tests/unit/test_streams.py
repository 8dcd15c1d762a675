"""Streams run one after another in one task, as long as none of them waits; each costs a bounded number of calls."""

import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from math import inf
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing
from ngh2 import Connection, Role, StreamClosed, StreamReset
from support.in_process import make_service, serve

from trio_worker.application.fence import Application
from trio_worker.application.tasks import describe
from trio_worker.http.service import Service
from trio_worker.master.metrics import Counters
from trio_worker.options import parse
from trio_worker.protocols.hypercorn.config import make_config
from trio_worker.serving import stream_tasks
from trio_worker.serving.accepting import open_listeners
from trio_worker.serving.stream_tasks import note_wait, run_streams
from trio_worker.serving.task_pool import TaskPool
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


def test_the_calls_for_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a read is answered in one step here, however long that takes a busy machine that counts calls."""
    monkeypatch.setattr(stream_tasks, "TURN", inf)
    requests = 25 * AT_ONCE
    calls = count_calls(requests)
    ours = {name: count for name, count in calls.items() if name.startswith("trio_worker.") and count > requests / 8}
    assert sum(ours.values()) / requests <= MOST, ours


VARIABLE = ContextVar("VARIABLE", default="unset")


class Stream:
    """A stream that keeps what it has seen.

    Args:
        do: what its app does.
    """

    cancel_scope: trio.CancelScope | None = None

    def __init__(self, do: Callable[["Stream"], Awaitable[None]] | None = None) -> None:
        self._do = do
        self.waited = self.finished = 0
        self.seen: list[str] = []
        self.tasks: list[trio.lowlevel.Task] = []
        self.scopes: list[trio.CancelScope | None] = []

    async def run(self, cancel_scope: trio.CancelScope) -> None:
        self.cancel_scope = cancel_scope
        self.tasks.append(trio.lowlevel.current_task())
        self.scopes.append(self.cancel_scope)
        self.seen.append(VARIABLE.get())
        if self._do is not None:
            VARIABLE.set(f"of {id(self)}")
            await self._do(self)
            self.seen.append(VARIABLE.get())

    def wait(self) -> None:
        self.waited += 1

    def finish(self) -> None:
        self.finished += 1


async def checkpoint(_: Stream) -> None:
    await trio.lowlevel.checkpoint()


def run(*reads: list[Stream], then: Callable[[], None] | None = None) -> None:
    """Run the streams of one read after those of the other.

    Args:
        reads: their streams.
        then: called behind them; what still waits then is cancelled.
    """

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            tasks = TaskPool(nursery, run_streams, "streams", note_wait)
            for read in reads:
                for stream in read:
                    tasks.start(stream)
                await trio.testing.wait_all_tasks_blocked()
            if then is not None:
                then()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert [stream.finished for read in reads for stream in read] == [1] * sum(map(len, reads))


def test_one_task_runs_what_does_not_wait() -> None:
    streams = [Stream() for _ in range(6)]
    run(streams[:4], streams[4:])
    assert len({stream.tasks[0] for stream in streams}) == 1
    assert len({stream.scopes[0] for stream in streams}) == 1


def test_a_stream_that_waits_holds_up_no_other() -> None:
    async def forever(_: Stream) -> None:
        await trio.sleep_forever()

    waiting, behind = Stream(forever), [Stream(), Stream(checkpoint), Stream()]

    def look() -> None:
        assert waiting.finished == 0
        assert [stream.finished for stream in behind] == [1, 1, 1]

    run([waiting, *behind], then=look)


def test_a_context_is_of_its_stream_alone() -> None:
    async def stay(_: Stream) -> None:
        """Set the variable, and need not wait."""

    streams = [Stream(stay), Stream(checkpoint), Stream(stay), Stream(checkpoint)]
    run(streams, [last := Stream(checkpoint)])
    assert [stream.waited for stream in (*streams, last)] == [0, 1, 0, 1, 1]
    assert [stream.seen for stream in (*streams, last)] == [
        ["unset", f"of {id(stream)}"] for stream in (*streams, last)
    ]


def test_the_lines_where_a_stream_waits_are_seen() -> None:
    async def wait_here(_: Stream) -> None:
        await trio.sleep_forever()

    stream = Stream(wait_here)

    def look() -> None:
        lines = describe(stream.tasks[0])
        assert " in wait_here" in lines
        assert " in sleep_forever" in lines
        assert stream.tasks[0].context[VARIABLE] == f"of {id(stream)}"

    run([stream], then=look)


@pytest.mark.parametrize("waits", [False, True])
def test_a_scope_that_was_cancelled_serves_no_other_stream(waits: bool) -> None:
    async def cancel(stream: Stream) -> None:
        assert stream.cancel_scope is not None
        stream.cancel_scope.cancel()
        if waits:
            await trio.lowlevel.checkpoint()

    first, second, third = Stream(cancel), Stream(checkpoint), Stream(checkpoint)
    run([first, second], [third])
    assert first.scopes[0] is not second.scopes[0]
    assert first.scopes[0] is not third.scopes[0]
    assert len(first.seen) == (1 if waits else 2)
    assert [len(second.seen), len(third.seen)] == [2, 2]


@pytest.mark.parametrize("waits", [False, True])
def test_an_error_ends_its_stream_only(waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Stream) -> None:
        if waits:
            await trio.lowlevel.checkpoint()
        raise ValueError("not this one")

    run([Stream(), Stream(fail), Stream(checkpoint)], [Stream()])
    assert "not this one" in caplog.text


def test_a_stream_whose_client_goes_before_its_task_begins_has_no_app() -> None:
    begun = 0

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        nonlocal begun
        begun += 1
        await trio.sleep_forever()

    async def main() -> None:
        service = make_service(waits)
        ours, theirs = socket.socketpair()
        client = Connection(Role.CLIENT)
        client.initiate_connection()
        for _ in range(50):
            client.send_request([(b":path", b"/"), *FIELDS], end_stream=True)
        theirs.sendall(client.data_to_send())
        theirs.close()
        with trio.fail_after(5):
            await serve(service, SocketWire(ours, "", 5))
        assert not service.application.in_flight

    trio.run(main)
    assert begun < 50
