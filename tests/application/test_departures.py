"""A client that leaves is heard of by its app, however early that is, and by whatever way it leaves."""

import itertools
import socket
import struct
from collections.abc import Callable

import h2.events
import h2.settings
import pytest
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import HANDSHAKE

NAMES = itertools.count()

# Seconds within which the app hears of it, and is cancelled after its second of grace.
SOON = 8


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="departures:app")


def closes(client: Http1) -> None:
    client.close()


def ends_its_side(client: Http1) -> None:
    client.socket.shutdown(socket.SHUT_WR)


def resets(client: Http1) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def told(server: Server, path: str, name: str, hears: bool = True) -> None:
    """Wait until the app has ended by it; one that waits to hear of it hears of it before."""
    if path == "/hears" and hears:
        server.wait_log(f"^heard {name}$", timeout=SOON)
    server.wait_log(f"^cancelled {name}$", timeout=SOON)


@pytest.mark.parametrize("path", ["/thinks", "/hears"])
@pytest.mark.parametrize("leave", [closes, ends_its_side, resets])
@pytest.mark.parametrize("when", ["at once", "on a connection that was kept", "when its app runs"])
@pytest.mark.parametrize("head", ["GET {path} HTTP/1.1\r\nHost: t\r\n\r\n", HANDSHAKE], ids=["request", "session"])
def test_over_http1(server: Server, head: str, when: str, leave: Callable[[Http1], None], path: str) -> None:
    name = f"number-{next(NAMES)}"
    with Http1(server.address) as client:
        if "kept" in when:
            assert client.get("/").status == 200
            # It is among the connections that the kernel tells of, which is heard of once only.
            eventually(lambda: server.metrics()["worker.1.connections"] == 1)
        client.send(head.format(path=f"{path}?{name}", more="").encode())
        if "runs" in when:
            server.wait_log(f"^began {name}$")
        leave(client)
        # A request is cancelled whose app has not begun to wait for that.
        told(server, path, name, hears=head == HANDSHAKE or "runs" in when)


def ask(client: Http2, path: str, is_session: bool) -> int:
    """Put the head of a request or a handshake into what leaves next."""
    stream: int = client.connection.get_next_available_stream_id()
    fields = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "test")]
    if is_session:
        fields[0] = (":method", "CONNECT")
        fields[1:1] = [(":protocol", "websocket")]
        fields.append(("sec-websocket-version", "13"))
    client.connection.send_headers(stream, fields, end_stream=not is_session)
    return stream


@pytest.mark.parametrize("path", ["/thinks", "/hears"])
@pytest.mark.parametrize("is_session", [False, True], ids=["request", "session"])
@pytest.mark.parametrize("by_reset", [False, True], ids=["with its connection", "by a reset"])
def test_over_http2(server: Server, by_reset: bool, is_session: bool, path: str) -> None:
    name = f"number-{next(NAMES)}"
    with Http2(server.address).begin() as client:
        client.wait(h2.events.RemoteSettingsChanged)
        stream = ask(client, f"{path}?{name}", is_session)
        client.flush()
        server.wait_log(f"^began {name}$")
        if by_reset:
            client.connection.reset_stream(stream)
            client.flush()
        else:
            client.socket.close()
        told(server, path, name)


@pytest.mark.parametrize("path", ["/thinks", "/hears"])
def test_a_handshake_that_is_reset_in_the_same_read(server: Server, path: str) -> None:
    name = f"number-{next(NAMES)}"
    with Http2(server.address).begin() as client:
        client.wait(h2.events.RemoteSettingsChanged)
        client.connection.reset_stream(ask(client, f"{path}?{name}", is_session=True))
        client.flush()
        told(server, path, name)
