"""Clients of every protocol."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import h2.events
from support.certificates import connect_tls
from support.http1 import Http1, Response, connect
from support.http2 import Http2
from support.https import Https, Https2
from support.packets import post, read
from support.packets import request as packet
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_websocket

from chaos.client import TIMEOUT, Client, Places, path_of
from chaos.ledger import Ledger, Outcome

# Requests after which a client of HTTP/2 opens a new connection.
MANY = 40


def _has_ended(sock: socket.socket) -> bool:
    """Look whether the server has hung up, or said something that nobody has asked for."""
    sock.settimeout(0.001)
    try:
        sock.recv(1)
    except (TimeoutError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


class KeptClient(Client):
    """HTTP/1.1, as many requests on a connection as the server lets it."""

    connection: Http1 | None = None

    def connect(self) -> Http1:
        return Http1(self.places.address, TIMEOUT)

    def ask(self) -> None:
        if self.connection is not None and _has_ended(self.connection.socket):
            self.hang_up()
        kind, body = self.choose()
        entry = self.open(kind)
        with self.failing(entry):
            if self.connection is None:
                self.connection = self.connect()
            self.connection.socket.settimeout(TIMEOUT)
            path = path_of(entry, kind)
            answer = self.connection.post(path, body) if body else self.connection.get(path)
            self.check(entry, answer.status, answer.body, len(body))
            if self.is_last(answer):
                self.hang_up()

    def is_last(self, answer: Response) -> bool:
        return answer.headers.get("connection", "").lower() == "close"

    def hang_up(self) -> None:
        self.pid = None
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class OnceClient(KeptClient):
    """HTTP/1.1, a connection a request."""

    def is_last(self, answer: Response) -> bool:
        return True


class TlsClient(KeptClient):
    """HTTP/1.1 over TLS."""

    def connect(self) -> Http1:
        tls = connect_tls(self.places.tls_address, self.places.authority.client_context("http/1.1"))
        tls.settimeout(TIMEOUT)
        return Https(tls)


class Http2Client(Client):
    """HTTP/2, some streams at a time."""

    connection: Http2 | None = None

    def connect(self) -> Http2:
        return Http2(self.places.address).begin()

    def ask(self) -> None:
        if self.connection is not None and self.is_leaving(self.connection):
            self.hang_up()
        kinds = [self.choose()[0] for _ in range(self.random.randint(1, 3))]
        kinds = ["hello" if kind == "upload" else kind for kind in kinds]
        entries = [self.open(kind) for kind in kinds]
        streams: list[int] = []
        for entry, kind in zip(entries, kinds, strict=True):
            with self.failing(entry):
                if self.connection is None:
                    self.connection = self.connect()
                    self.connection.socket.settimeout(TIMEOUT)
                streams.append(self.connection.request(path_of(entry, kind)))
        for entry, stream in zip(entries, streams, strict=False):
            if entry.outcome is None:
                with self.failing(entry):
                    if self.connection is None:
                        raise ConnectionResetError("the connection has ended with the stream before")
                    self.check(entry, *self.connection.response(stream))

    def is_leaving(self, connection: Http2) -> bool:
        """Look whether the server has said GOAWAY or hung up, or the connection has had its share."""
        connection.socket.settimeout(0.001)
        with suppress(TimeoutError, ssl.SSLWantReadError):
            connection.read()
        connection.socket.settimeout(TIMEOUT)
        ended = any(isinstance(event, h2.events.ConnectionTerminated) for event in connection.events)
        return ended or connection.closed or connection.connection.get_next_available_stream_id() > 2 * MANY

    def hang_up(self) -> None:
        self.pid = None
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.socket.close()


class Tls2Client(Http2Client):
    """HTTP/2 over TLS."""

    def connect(self) -> Http2:
        return Https2(self.places.tls_address, self.places.authority.client_context("h2"))


class WebSocketClient(Client):
    """A session of many messages, each of which is echoed."""

    session = None

    def ask(self) -> None:
        entry = self.open("message")
        with self.failing(entry):
            if self.session is None:
                host, port = self.places.address
                self.session = open_websocket(f"ws://{host}:{port}/echo", open_timeout=TIMEOUT, close_timeout=5)
            try:
                self.session.send(entry.number)
                answer = str(self.session.recv(TIMEOUT))
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code != 1012:
                    raise
                self.ledger.close(entry, Outcome.TURNED_AWAY)
                self.hang_up()
                return
            self.check(entry, 200, answer.encode())

    def hang_up(self) -> None:
        self.pid = None
        session, self.session = self.session, None
        if session is not None:
            session.close()


class PacketClient(Client):
    """uwsgi packets over the UNIX socket, as nginx sends them: a connection a request."""

    def ask(self) -> None:
        kind, body = self.choose()
        entry = self.open(kind)
        with self.failing(entry), connect(self.places.unix_path, TIMEOUT) as sock:
            path = path_of(entry, kind)
            sock.sendall(post(path, len(body)) + body if body else packet(path))
            answer = read(sock)
            self.check(entry, answer.status, answer.body, len(body))
        self.pid = None


class ImpatientClient(Client):
    """HTTP/1.1, and hangs up or resets before it has its answer."""

    def ask(self) -> None:
        entry = self.open("slow")
        with self.failing(entry):
            client = Http1(self.places.address, TIMEOUT)
            client.request(path_of(entry, "slow/1.00"))
            self.over.wait(self.random.uniform(0, 0.3))
            if self.random.random() < 0.5:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            self.ledger.close(entry, Outcome.CANCELLED)


CLIENTS: list[tuple[type[Client], str, int]] = [
    (KeptClient, "http/1.1", 2),
    (OnceClient, "http/1.1-once", 2),
    (TlsClient, "tls", 1),
    (Http2Client, "http/2", 2),
    (Tls2Client, "http/2-tls", 1),
    (WebSocketClient, "websocket", 2),
    (PacketClient, "uwsgi", 2),
    (ImpatientClient, "impatient", 1),
]


@contextmanager
def clients(seed: int, ledger: Ledger, places: Places) -> Iterator[Callable[[], Client]]:
    """Have all clients ask for the length of a with block; yields a maker of further ones."""
    over = threading.Event()
    threads = []
    for kind, name, count in CLIENTS:
        for number in range(count):
            client = kind(f"{name} {number}", seed, ledger, places, over)
            threads.append(threading.Thread(target=client.run, name=client.name))
    for thread in threads:
        thread.start()
    try:
        yield lambda: OnceClient("probe", seed, ledger, places, over)
    finally:
        over.set()
        for thread in threads:
            thread.join(TIMEOUT)
        assert not any(thread.is_alive() for thread in threads), "a client hangs"
