"""The end of the wait for first bytes, and bytes that are here when somebody wants to end it."""

import socket
from collections.abc import Iterator

import pytest
import trio
from support.in_process import make_service

from trio_worker.serving.entrance import Arrival
from trio_worker.transport.socket_wire import SocketWire


async def app(scope: object, receive: object, send: object) -> None:
    raise AssertionError("nobody has asked for anything")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(("came", "looks"), [(b"", 1), (b"P", 2)])
def test_bytes_that_come_with_the_deadline_have_one_more_look(
    pair: tuple[socket.socket, socket.socket], came: bytes, looks: int
) -> None:
    """A worker that was held up itself finds both at once; who sends a byte then and no more ends all the same."""
    ours, theirs = pair
    theirs.send(came)

    looked: list[bool] = []

    async def expire_until_it_ends() -> None:
        arrival = Arrival(make_service(app), SocketWire(ours, "", 5), b"")
        arrival.cancel_scope = trio.CancelScope()
        while not arrival.cancel_scope.cancel_called:
            arrival.expire()
            looked.append(True)

    trio.run(expire_until_it_ends)
    assert len(looked) == looks


def test_reading_does_not_end_before_bytes_that_were_given_back(pair: tuple[socket.socket, socket.socket]) -> None:
    """The bytes that have decided its protocol, say, of a connection that nobody has served since."""
    ours, theirs = pair
    wire = SocketWire(ours, "", 5)
    wire.unread(b"GET")
    wire.end_reading()
    theirs.send(b" /")
    assert [wire.receive_now(), wire.receive_now(), wire.receive_now()] == [b"GET", b" /", None]
