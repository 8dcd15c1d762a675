"""Answers to what came in one turn of the loop leave together, in order, whole, and soon; one alone leaves at once."""

import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import trio
from support.certificates import Authority
from trio.testing import wait_all_tasks_blocked

from trio_worker.transport.certificates import Certificates, Source
from trio_worker.transport.connections import Connection, Connections
from trio_worker.transport.gathering import GatheringWire
from trio_worker.transport.readiness import PAUSE, TOGETHER, Readiness
from trio_worker.transport.tls import TlsWire

Wire = GatheringWire | TlsWire
Open = Callable[[], Awaitable[tuple[Wire, socket.socket]]]

# What a socket with a small buffer does not take whole, and the wire keeps.
LARGE = bytes(range(256)) * 62


async def open_plain() -> tuple[GatheringWire, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return GatheringWire(ours, None, 5), theirs


async def open_tls(authority: Authority) -> tuple[TlsWire, ssl.SSLSocket]:
    certificate, key = authority.serve("localhost")
    plain, theirs = await open_plain()
    wire = TlsWire(plain, Certificates(Source("https", str(certificate), str(key))))
    client: list[ssl.SSLSocket] = []

    def wrap() -> None:
        client.append(authority.threads_context().wrap_socket(theirs, server_hostname="localhost"))

    async with trio.open_nursery() as shaking:
        shaking.start_soon(wire.handshake)
        await trio.to_thread.run_sync(wrap)
    return wire, client[0]


@pytest.fixture(params=["plain", "tls"])
def opened(request: pytest.FixtureRequest, authority: Authority) -> Open:
    return open_plain if request.param == "plain" else partial(open_tls, authority)


class Clients:
    """Some clients, and what is done for each of them that has sent something."""

    def __init__(self, *pairs: tuple[Wire, socket.socket]) -> None:
        self.wires = [wire for wire, _ in pairs]
        self.sockets = [client for _, client in pairs]
        for each in self.sockets:
            each.setblocking(False)

    def read(self) -> list[bytes]:
        """Return what has come for each, nothing where nothing has."""
        return [read(each) for each in self.sockets]

    @contextlib.asynccontextmanager
    async def served(self, serve: Callable[[Wire], object]) -> AsyncIterator[None]:
        """Have all of them ask at once, and each served as the worker does: from the loop, when the kernel tells."""
        connections = Connections()
        readiness = Readiness(connections)
        for wire in self.wires:
            connections.add(wire.fileno(), Asked(wire, serve))
            wire.watcher = readiness
            readiness.watch(wire.fileno())
            readiness.watch_now(wire.fileno())
        async with trio.open_nursery() as nursery:
            for each in self.sockets:
                each.send(b"?")
            nursery.start_soon(readiness.run)
            await wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()
        for wire in self.wires:
            wire.close()
        for client in self.sockets:
            client.close()


class Asked(Connection):
    """A connection that does one thing for its client."""

    def __init__(self, wire: Wire, serve: Callable[[Wire], object]) -> None:
        super().__init__(wire)
        self.serve_now = serve

    def wake(self, ended: bool) -> None:
        assert isinstance(self.wire, GatheringWire | TlsWire)
        super().wake(ended)
        if self.wire.receive_now():
            self.serve_now(self.wire)


def read(client: socket.socket) -> bytes:
    got = b""
    with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
        while data := client.recv(1 << 20):
            got += data
    return got


def test_as_many_leave_together(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_worker.transport.readiness.PAUSE", 60)  # Whatever else the machine does.

    async def main() -> None:
        clients = Clients(*[await opened() for _ in range(TOGETHER + 4)])
        come, before = 0, []

        def answer(wire: Wire) -> None:
            nonlocal come
            come += sum(map(len, clients.read()))
            before.append(come)
            assert wire.try_send(b"!") == 1

        async with clients.served(answer):
            assert before == [0] * TOGETHER + [TOGETHER] * 4
            assert come + sum(map(len, clients.read())) == TOGETHER + 4

    trio.run(main)


def test_one_alone_leaves_at_once(opened: Open) -> None:
    async def main() -> None:
        clients = Clients(await opened())
        got = []

        def answer(wire: Wire) -> None:
            wire.try_send(b"!")
            got.extend(clients.read())

        async with clients.served(answer):
            assert got == [b"!"]

    trio.run(main)


def test_none_waits_for_apps_that_take_long(opened: Open) -> None:
    async def main() -> None:
        clients = Clients(*[await opened() for _ in range(5)])
        come, before = 0, []

        def answer(wire: Wire) -> None:
            nonlocal come
            until = time.perf_counter() + 2 * PAUSE
            while time.perf_counter() < until:
                pass
            come += sum(map(len, clients.read()))
            before.append(come)
            wire.try_send(b"!")

        async with clients.served(answer):
            assert before == [0, 0, 2, 3, 4]

    trio.run(main)


def test_what_nobody_follows_leaves_in_the_next_turn(opened: Open) -> None:
    async def main() -> None:
        clients = Clients(*[await opened() for _ in range(3)])
        answered: list[Wire] = []

        def answer(wire: Wire) -> None:
            answered.append(wire)
            if len(answered) == 1:
                wire.try_send(b"!")
                assert b"".join(clients.read()) == b""

        async with clients.served(answer):
            assert b"".join(clients.read()) == b"!"

    trio.run(main)


@pytest.mark.parametrize("how", ["try_send", "try_send_parts", "send_now", "end_writing", "close", "abort"])
def test_what_comes_next_takes_along_what_is_kept(opened: Open, how: str) -> None:
    async def main() -> None:
        clients = Clients(*[await opened() for _ in range(3)])
        got: list[bytes] = []

        def answer(wire: Wire) -> None:
            if got:
                return
            wire.try_send(b"first")
            given = {"try_send": (b",",), "send_now": (b",",), "try_send_parts": ([b",", b""],)}
            getattr(wire, how)(*given.get(how, ()))
            with contextlib.suppress(ssl.SSLError):
                got.append(b"".join(clients.read()))

        async with clients.served(answer):
            assert got[0].rstrip(b",") == b"first"

    trio.run(main)


def test_a_client_that_reads_later_gets_all_of_it(opened: Open) -> None:
    async def main() -> None:
        clients = Clients(*[await opened() for _ in range(2)])

        def answer(wire: Wire) -> None:
            assert wire.try_send(LARGE) == len(LARGE)

        async with clients.served(answer):
            assert [wire.stalled for wire in clients.wires] == [True, True]
            got, wanted = [b"", b""], [LARGE + b"more", LARGE]
            with trio.fail_after(5):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(clients.wires[0].send, b"more")
                    while got != wanted:
                        await trio.lowlevel.checkpoint()
                        got = [before + more for before, more in zip(got, clients.read(), strict=True)]
                        assert all(map(bytes.startswith, wanted, got))
            assert [wire.stalled for wire in clients.wires] == [False, False]
            for wire in clients.wires:
                await wire.settle()
                assert wire.flush()

    trio.run(main)
