"""A thousand deadlines that pass at the same time, as when a database stops: all are told, and nobody else waits."""

import re
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Server, Servers

# Requests at a time; and seconds that they have.
COUNT, HARAKIRI = 1000, 2

# CPU seconds that a turn of the loop may take, in which nobody else is served.
LONGEST_TURN = 0.03

# Records with a stack in a second.
TOLD = 20

Statuses = Callable[[Server], list[int]]


def by_connections(server: Server) -> list[int]:
    """Ask on a connection each."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Http1(server.address, timeout=30)) for _ in range(COUNT)]
        for client in clients:
            client.request("/waits")
        return [client.response().status for client in clients]


def by_bodies(server: Server) -> list[int]:
    """Announce a body on a connection each."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Http1(server.address, timeout=30)) for _ in range(COUNT)]
        for client in clients:
            client.send(b"POST /takes HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n")
        return [client.response().status for client in clients]


def by_streams(server: Server) -> list[int]:
    """Ask on a hundred streams of each connection."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Http2(server.address).begin()) for _ in range(COUNT // 100)]
        asked = [(client, [client.request("/waits") for _ in range(100)]) for client in clients]
        return [client.response(stream)[0] for client, streams in asked for stream in streams]


pytestmark = pytest.mark.long

ASKING = pytest.mark.parametrize("ask", [by_connections, by_bodies, by_streams])


def longest_turn(server: Server) -> float:
    with Http1(server.address) as client:
        return float(client.get("/turn").text)


@ASKING
def test_harakiri(uwsgi: Servers, ask: Statuses) -> None:
    server = uwsgi(module="attacked:app", listen=1024, harakiri=HARAKIRI)
    longest_turn(server)
    assert ask(server) == [504] * COUNT
    assert longest_turn(server) < LONGEST_TURN
    told = server.count(r"harakiri: \S+ /\S+ is cancelled after")
    more = re.findall(r"harakiri: (\d+) more are cancelled: \d+ x \S+ /(?:waits|takes)$", server.log, re.MULTILINE)
    assert TOLD <= told < COUNT / 2
    assert told + sum(map(int, more)) == COUNT


@ASKING
def test_the_queue(uwsgi: Servers, ask: Statuses) -> None:
    """The place is taken; all others have waited for too long."""
    server = uwsgi(module="attacked:app", listen=1024, trio_max_requests_in_flight=1, trio_queue_timeout=HARAKIRI)
    longest_turn(server)
    with socket.create_connection(server.address) as first:
        first.sendall(b"GET /waits HTTP/1.1\r\nHost: t\r\n\r\n")
        assert ask(server) == [503] * COUNT
    assert longest_turn(server) < LONGEST_TURN
