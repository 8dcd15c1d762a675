"""A thousand deadlines that pass at the same time, as when a database stops: all are told, and nobody else waits."""

import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest
from h2.events import Event, RemoteSettingsChanged, StreamEnded, StreamReset
from support.frames import GET, HEADERS, PREFACE, frame, headers, settings, window
from support.http1 import Http1
from support.http2 import Http2
from support.packets import request as packet
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import HANDSHAKE

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


# Seconds that a client has who does nothing.
IDLE = 3

# What a client has sent when it says no more, on a connection of its own; and what it is told.
SILENT = {
    "amid a head": (b"GET / HTTP/1.1\r\nHost: t\r\n", b"HTTP/1.1 408 "),
    "amid a body": (b"POST /takes HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n", b"HTTP/1.1 408 "),
    "behind an answer": (b"GET / HTTP/1.1\r\nHost: t\r\n\r\n", b"HTTP/1.1 200 "),
    "amid a packet": (packet("/")[:-1], b""),
    "amid a preface": (b"PRI * HTTP/2.0\r\n", b""),
    "amid a head of HTTP/2": (PREFACE + settings() + frame(HEADERS, 0, 1, b"\x82"), None),
    "in a session": (HANDSHAKE.format(path="/waits", more="").encode(), b"HTTP/1.1 101 "),
}


@pytest.fixture
def impatient(uwsgi: Servers) -> Server:
    return uwsgi(
        module="attacked:app",
        listen=1024,
        disable_logging=True,
        trio_header_timeout=IDLE,
        trio_body_timeout=IDLE,
        trio_write_timeout=IDLE,
        trio_keepalive_timeout=IDLE,
        websockets_ping_freq=1,
        websockets_pong_tolerance=IDLE - 1,
    )


@pytest.mark.parametrize("name", SILENT)
def test_silence(impatient: Server, name: str) -> None:
    """All of them are ended, and what they were told before stands."""
    sent, told = SILENT[name]
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(impatient.address, 30)) for _ in range(COUNT)]
        for client in clients:
            client.sendall(sent)
        longest_turn(impatient)
        answers = [read_to_end(client) for client in clients]
    assert longest_turn(impatient) < LONGEST_TURN
    assert told is None or [answer[: len(told)] for answer in answers] == [told] * COUNT
    assert len(impatient.log) < 100_000


def read_to_end(client: socket.socket) -> bytes:
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def test_clients_that_read_nothing(impatient: Server) -> None:
    """Each has its connection full, and is ended when its time is over."""
    count = COUNT // 4
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Http1(impatient.address)).request("/endless")
        longest_turn(impatient)
        eventually(lambda: timeouts(impatient) == count, 30, lambda: str(timeouts(impatient)))
    assert longest_turn(impatient) < LONGEST_TURN
    assert len(impatient.log) < 100_000


def test_connections_full_of_streams_that_nobody_reads(impatient: Server) -> None:
    """The kernel takes nothing more of any of them."""
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(impatient.address, 30)) for _ in range(COUNT // 100)]
        fields = tuple((name, "/endless" if name == ":path" else value) for name, value in GET)
        asked = b"".join(headers(2 * number + 1, fields) for number in range(100))
        for client in clients:
            client.sendall(PREFACE + settings((4, 1 << 30)) + window(1 << 30) + asked)
        longest_turn(impatient)
        eventually(lambda: timeouts(impatient) == len(clients), 30, lambda: str(timeouts(impatient)))
        eventually(lambda: impatient.metrics()["worker.1.in_flight"] == 0, 10)
    assert longest_turn(impatient) < LONGEST_TURN
    assert len(impatient.log) < 100_000


def test_streams_that_nobody_reads(impatient: Server) -> None:
    """Each of them is ended, in its own time, and so are the answers that wait behind those with all of the window."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Http2(impatient.address).begin()) for _ in range(COUNT // 100)]
        for client in clients:
            for _ in range(100):
                client.request("/endless")
        longest_turn(impatient)
        for client in clients:
            eventually(partial(are_reset, client, 100), 30)
    assert longest_turn(impatient) < LONGEST_TURN
    assert len(impatient.log) < 100_000


def are_reset(client: Http2, count: int) -> bool:
    """Read what has come, and give nothing of the window back."""
    data = client.socket.recv(65536)
    client.events += client.connection.receive_data(data)
    return sum(isinstance(event, StreamReset) for event in client.events) == count


def timeouts(server: Server) -> int:
    return server.metrics()["timeouts"]


# What is asked on a stream that its client does not end.
BODY = {":method": "POST", ":path": "/takes"}
SESSION = {":method": "CONNECT", ":path": "/waits", ":protocol": "websocket", "sec-websocket-version": "13"}


def open_streams(stack: ExitStack, server: Server, asked: dict[str, str]) -> list[tuple[Http2, int]]:
    """Ask the same on a hundred streams of each connection, on all of them at the same time."""
    clients = [stack.enter_context(Http2(server.address).begin()) for _ in range(COUNT // 100)]
    opened: list[tuple[Http2, int]] = []
    for client in clients:
        client.wait(RemoteSettingsChanged)
        for _ in range(100):
            opened.append((client, client.connection.get_next_available_stream_id()))
            client.connection.send_headers(opened[-1][1], [(":scheme", "http"), (":authority", "t"), *asked.items()])
    for client in clients:
        client.flush()
    return opened


def test_bodies_that_do_not_come_on_streams(impatient: Server) -> None:
    with ExitStack() as stack:
        opened = open_streams(stack, impatient, BODY)
        longest_turn(impatient)
        assert [client.response(stream)[0] for client, stream in opened] == [408] * COUNT
    assert longest_turn(impatient) < LONGEST_TURN


def test_sessions_on_streams_that_answer_no_ping(impatient: Server) -> None:
    with ExitStack() as stack:
        opened = open_streams(stack, impatient, SESSION)
        longest_turn(impatient)
        for client, stream in opened:
            client.wait(Event, partial(is_end, stream))
            assert client.body(stream)[:2] == b"\x89\x00"  # The ping; a close may have followed it.
    assert longest_turn(impatient) < LONGEST_TURN
    assert len(impatient.log) < 100_000


def is_end(stream: int, event: Event) -> bool:
    return isinstance(event, StreamReset | StreamEnded) and event.stream_id == stream
