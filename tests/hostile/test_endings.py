"""Connections with all the streams that they may have, when they end: what clients are told, how long a turn takes.

They end when the mercy of a drain is over, at a destroy, or because the clients reset them.
"""

import re
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from h2.events import DataReceived, PingAckReceived, RemoteSettingsChanged, ResponseReceived
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Server, Servers
from support.waiting import eventually

CONNECTIONS, STREAMS = 10, 100

# Seconds that a worker has to drain.
MERCY = 5

# CPU seconds that a turn of the loop may take, in which nobody else is served.
LONGEST_TURN = 0.03

pytestmark = pytest.mark.long

GET = {":method": "GET", ":path": "/waits"}
BODY = {":method": "POST", ":path": "/takes"}
ENDLESS = {":method": "GET", ":path": "/endless"}
SESSION = {":method": "CONNECT", ":path": "/waits", ":protocol": "websocket", "sec-websocket-version": "13"}

# Close frames of 1012 and 1011.
RESTARTS, FAILS = b"\x88\x02\x03\xf4", b"\x88\x02\x03\xf3"

# What is asked on each stream; and what its client is told at a drain and at a destroy: a status, or a session's close.
Told = int | bytes
KINDS: dict[str, tuple[dict[str, str], Told, Told]] = {
    "apps that wait": (GET, 503, 503),
    "apps that read": (BODY, 503, 503),
    "apps that write": (ENDLESS, 200, 200),
    "sessions that wait": (SESSION, RESTARTS, FAILS),
    "sessions that read": ({**SESSION, ":path": "/takes"}, RESTARTS, FAILS),
}


class Client(Http2):
    """One that gives nothing of the window back, so that no answer without an end goes on for ever."""

    def ask(self, asked: dict[str, str]) -> None:
        """Ask this on each stream, and wait until all of that has been read, or the first answers are there."""
        self.wait(RemoteSettingsChanged)
        for _ in range(STREAMS):
            fields = [(":scheme", "http"), (":authority", "t"), *asked.items()]
            stream = self.connection.get_next_available_stream_id()
            self.connection.send_headers(stream, fields, end_stream=asked in (GET, ENDLESS))
        self.connection.ping(b"8 bytes.")
        self.flush()
        begins = asked[":path"] == "/endless" or ":protocol" in asked
        kind, count = (ResponseReceived, STREAMS) if begins else (PingAckReceived, 1)
        while sum(isinstance(each, kind) for each in self.events) < count:
            self.read()

    def read(self) -> None:
        data = self.socket.recv(65536)
        self.closed = not data
        self.events += self.connection.receive_data(data) if data else []

    def reset(self) -> None:
        """End it in the middle of everything."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def told(self) -> Iterator[Told]:
        """The statuses of answers, and the close frames of sessions."""
        last = {each.stream_id: each.data[-4:] for each in self.events if isinstance(each, DataReceived) and each.data}
        for event in self.events:
            if isinstance(event, ResponseReceived):
                status = int(dict(event.headers)[b":status"])
                is_session = status == 200 and last.get(event.stream_id, b"")[:1] == b"\x88"
                yield last[event.stream_id] if is_session else status


@pytest.fixture
def server(uwsgi: Servers) -> Server:
    return uwsgi(module="attacked:app", listen=1024, disable_logging=True, worker_reload_mercy=MERCY)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def clients(server: Server, kind: str) -> Iterator[list[Client]]:
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address)) for _ in range(CONNECTIONS)]
        for client in clients:
            client.begin()
            client.ask(KINDS[kind][0])
        longest_turn(server)
        yield clients


def longest_turn(server: Server) -> float:
    with Http1(server.address) as client:
        return float(client.get("/turn").text)


def last_turn(server: Server) -> float:
    """The longest one of the worker that has ended first."""
    eventually(lambda: server.count("longest turn: "), 20, lambda: server.log)
    return float(re.findall(r"longest turn: (\S+)", server.log)[0])


# By which it ends, and where KINDS has what that tells the clients.
ENDS: dict[str, tuple[Callable[[Server], None], int]] = {
    "drain": (lambda server: server.fifo("c"), 1),
    "destroy": (lambda server: server.signal(signal.SIGINT), 2),
}


@pytest.mark.parametrize("end", ENDS)
def test_all_are_told(server: Server, clients: list[Client], kind: str, end: str) -> None:
    begin, column = ENDS[end]
    begin(server)
    for client in clients:
        client.read_to_end()
        client.socket.close()
    assert [told for client in clients for told in client.told()] == [KINDS[kind][column]] * (CONNECTIONS * STREAMS)
    assert last_turn(server) < LONGEST_TURN


def test_resets(server: Server, clients: list[Client]) -> None:
    for client in clients:
        client.reset()
    eventually(lambda: server.metrics()["worker.1.in_flight"] == 0)
    assert longest_turn(server) < LONGEST_TURN


@pytest.mark.parametrize("connect", [Http1, lambda address: Http2(address).begin()])
def test_an_app_is_shut_down_whoever_does_not_read(server: Server, connect: Callable[..., Http1 | Http2]) -> None:
    with connect(server.address) as client:
        client.request("/endless")
        server.fifo("c")
        last_turn(server)  # It is told at the shutdown.
