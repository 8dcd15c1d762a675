"""An app that fails when its client has gone: its own mistakes are in the log, what `send` tells it is none."""

from collections.abc import Callable

import h2.events
import pytest
from support.http1 import Http1
from support.http2 import Http2, Http2WebSocket
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import Raw


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="cleaning_up:app", log_format="ended %(uri)")


def http1(server: Server, path: str) -> None:
    with Http1(server.address) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        assert client.head().status == 200


def http2(server: Server, path: str) -> None:
    with Http2(server.address).begin() as client:
        client.request(path)
        client.wait(h2.events.DataReceived)


def websocket(server: Server, path: str) -> None:
    with Raw(server.address) as client:
        assert client.ask(path) == 101


def websocket_over_http2(server: Server, path: str) -> None:
    with Http2(server.address).begin() as client:
        assert Http2WebSocket(client, path).status == 200


PROTOCOLS = [http1, http2, websocket, websocket_over_http2]


def log_of(server: Server, path: str, visit: Callable[[Server, str], None]) -> str:
    """Return what the log says of a client that asks for this, and leaves at once."""
    before = len(server.log)
    visit(server, path)
    eventually(lambda: f"ended {path}\n" in server.log[before:], why=lambda: server.log[before:])
    return server.log[before:]


@pytest.mark.parametrize("visit", PROTOCOLS)
@pytest.mark.parametrize("path", ["/hears", "/is-cancelled"])
def test_an_error_of_its_own_is_logged(server: Server, visit: Callable[[Server, str], None], path: str) -> None:
    assert "FileNotFoundError" in log_of(server, path, visit)


@pytest.mark.parametrize("visit", PROTOCOLS)
@pytest.mark.parametrize("path", ["/sends", "/sends-by-tasks", "/wraps"])
def test_what_send_tells_it_is_not(server: Server, visit: Callable[[Server, str], None], path: str) -> None:
    assert "ERROR" not in log_of(server, path, visit)
