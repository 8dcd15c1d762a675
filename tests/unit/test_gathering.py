"""Pieces that others follow leave together when the step of an app is over, in order, however slow a client is."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from math import inf

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_worker.transport.connections import Connection, Connections
from trio_worker.transport.gathering import AT_ONCE, GATHERED_BYTES, GATHERED_PIECES, GatheringWire
from trio_worker.transport.readiness import Readiness

# A piece that a socket with small buffers does not take whole.
LARGE = bytes(range(256)) * 512


@pytest.fixture
def pair() -> Iterator[tuple[GatheringWire, socket.socket]]:
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    theirs.setblocking(False)
    with ours, theirs:
        yield GatheringWire(ours, None, 5), theirs


@contextlib.asynccontextmanager
async def watched(wire: GatheringWire) -> AsyncIterator[None]:
    """Have the wire told by the kernel, as the worker does."""
    connections = Connections()
    readiness = Readiness(connections)
    connections.add(wire.fileno(), Connection(wire))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readiness.run)
        wire.watcher = readiness
        readiness.watch(wire.fileno())
        readiness.watch_now(wire.fileno())
        await wait_all_tasks_blocked()
        yield
        nursery.cancel_scope.cancel()


def read(client: socket.socket) -> bytes:
    """Return what has come, nothing where nothing has."""
    with contextlib.suppress(BlockingIOError):
        return client.recv(1 << 20)
    return b""


def test_pieces_of_one_step_leave_together_behind_it(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(b"1", b"2")
            assert wire.gather(b"3")
            assert read(client) == b""
            await wait_all_tasks_blocked()
            assert read(client) == b"123"

    trio.run(main)


def test_a_write_takes_along_what_is_kept(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            for send in (wire.try_send, lambda data: wire.try_send_parts((data,)), wire.send_now):
                assert wire.gather(b"first ")
                send(b"second")
                assert read(client) == b"first second"
            assert wire.gather(b"first ")
            await wire.send(b"second")
            assert read(client) == b"first second"
            assert wire.gather(b"last")
            wire.abort()
            assert read(client) == b"last"

    trio.run(main)


def test_one_that_nothing_follows_is_not_kept_the_next_times(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, _ = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(b"alone")
            await wait_all_tasks_blocked()
            assert [wire.gather(b"x") for _ in range(AT_ONCE + 1)] == [False] * AT_ONCE + [True]

    trio.run(main)


@pytest.mark.parametrize(
    ("piece", "most"), [(bytes(1024), GATHERED_BYTES // 1024), (b"x", GATHERED_PIECES)], ids=["bytes", "pieces"]
)
def test_so_much_is_kept_and_no_more(pair: tuple[GatheringWire, socket.socket], piece: bytes, most: int) -> None:
    wire, _ = pair

    async def main() -> None:
        async with watched(wire):
            kept = 0
            while wire.gather(piece):
                kept += 1
            assert kept == most

    trio.run(main)


def test_a_client_that_reads_later_gets_all_of_it(pair: tuple[GatheringWire, socket.socket]) -> None:
    """Nobody of the app writes meanwhile, and the time for which the client has not read is watched."""
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(LARGE)
            assert wire.gather(b"the end")
            await wait_all_tasks_blocked()
            assert wire.stalled
            assert wire.stall_deadline < inf
            assert not wire.gather(b"more")
            got = b""
            with trio.fail_after(5):
                while len(got) < len(LARGE) + 7:
                    got += read(client)
                    await wait_all_tasks_blocked()
            assert got == LARGE + b"the end"
            assert not wire.stalled
            assert wire.stall_deadline == inf

    trio.run(main)


def test_a_task_that_writes_meanwhile_comes_behind_it(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, client = pair

    async def main() -> None:
        async with watched(wire), trio.open_nursery() as nursery:
            assert wire.gather(LARGE)
            await wait_all_tasks_blocked()
            nursery.start_soon(wire.send, b"the end")
            got = b""
            with trio.fail_after(5):
                while len(got) < len(LARGE) + 7:
                    await trio.lowlevel.wait_readable(client)
                    got += read(client)
            assert got == LARGE + b"the end"

    trio.run(main)


def test_a_write_that_takes_all_along_ends_the_wait_for_the_client(pair: tuple[GatheringWire, socket.socket]) -> None:
    """The client has read, and the app writes before the kernel has told of it: the client is not late any more."""
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(LARGE)
            await wait_all_tasks_blocked()
            assert wire.stalled
            while not wire.try_send(b"!"):
                read(client)
            await wait_all_tasks_blocked()
            assert (wire.stalled, wire.stall_deadline) == (False, inf)
            assert [wire.gather(b"more") for _ in range(AT_ONCE + 1)][-1]

    trio.run(main)


def test_it_settles_when_the_client_has_read_all(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, client = pair

    async def main() -> None:
        async with watched(wire), trio.open_nursery() as nursery:
            await wire.settle()  # Of nothing.
            assert wire.gather(LARGE)
            nursery.start_soon(end)
            got = b""
            with trio.fail_after(5):
                while piece := read(client) or await more(client):
                    got += piece
            assert got == LARGE

    async def end() -> None:
        await wire.settle()
        wire.end_writing()

    async def more(client: socket.socket) -> bytes:
        await trio.lowlevel.wait_readable(client)
        return read(client)

    trio.run(main)


def test_who_gives_up_to_settle_ends_the_connection(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(LARGE)
            with trio.move_on_after(0):
                await wire.settle()
            with pytest.raises(OSError, match="Broken pipe"):
                await wire.settle()
            assert len(read(client)) < len(LARGE)

    trio.run(main)


def test_a_close_takes_along_what_can_leave(pair: tuple[GatheringWire, socket.socket]) -> None:
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(b"the last")
            assert wire.watcher is not None
            wire.close()
            assert read(client) == b"the last"

    trio.run(main)


def test_a_client_that_has_gone(pair: tuple[GatheringWire, socket.socket]) -> None:
    """The next write says so; nothing is kept for it."""
    wire, client = pair

    async def main() -> None:
        async with watched(wire):
            assert wire.gather(b"for nobody")
            client.close()
            await wait_all_tasks_blocked()
            assert not wire.stalled
            with pytest.raises(OSError, match="Broken pipe"):
                wire.try_send(b"more")

    trio.run(main)
