"""Whatever `send` or `receive` raises, an app that goes on all the same keeps nobody waiting, in any protocol."""

import contextlib
from collections.abc import Iterator

import pytest
from h2.events import RemoteSettingsChanged
from support.http1 import Http1, connect
from support.http2 import Http2
from support.packets import request as packet
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import HANDSHAKE

HTTP = ["sends/no-type", "sends/unknown", "sends/none", "sends/status", "sends/headers", "sends/early", "sends/hint"]
HTTP += ["begins/status", "begins/hint"]
WEBSOCKET = ["sends/no-type", "sends/unknown", "sends/accept", "sends/deny", "sends/send", "receives"]
WEBSOCKET += ["accepts/no-type", "accepts/none", "accepts/send", "accepts/close", "accepts/accept"]


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    server = module_uwsgi(module="spinning:app")
    server.may_outstay = True
    return server


def spinning(server: Server) -> int:
    with Http1(server.address) as client:
        return int(client.get("/").text)


@contextlib.contextmanager
def one_more(server: Server) -> Iterator[None]:
    """One more app goes on for ever behind this, and others are served."""
    before = spinning(server)
    yield
    eventually(lambda: spinning(server) > before)


@pytest.mark.parametrize("path", [*HTTP, "receives"])
def test_http1(server: Server, path: str) -> None:
    with Http1(server.address) as client, one_more(server):
        client.socket.sendall(f"POST /{path} HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n".encode())


@pytest.mark.parametrize("path", HTTP)
def test_a_packet(server: Server, path: str) -> None:
    with connect(server.address) as client, one_more(server):
        client.sendall(packet(f"/{path}"))


@pytest.mark.parametrize("path", [*HTTP, "receives"])
def test_http2(server: Server, path: str) -> None:
    with Http2(server.address).begin() as client, one_more(server):
        open_stream(client, path, method="POST")


@pytest.mark.parametrize("path", WEBSOCKET)
def test_a_websocket(server: Server, path: str) -> None:
    with Http1(server.address) as client, one_more(server):
        client.send(HANDSHAKE.format(path=f"/{path}", more="").encode())


@pytest.mark.parametrize("path", WEBSOCKET)
def test_a_websocket_over_http2(server: Server, path: str) -> None:
    with Http2(server.address).begin() as client, one_more(server):
        open_stream(client, path, method="CONNECT", protocol="websocket", sec_websocket_version="13")


def open_stream(client: Http2, path: str, **more: str) -> None:
    """Send the head of a request that is not over with it."""
    client.wait(RemoteSettingsChanged)
    fields = [(":method", more.pop("method")), (":path", f"/{path}"), (":scheme", "http"), (":authority", "test")]
    fields += [(":protocol", more.pop("protocol"))] if "protocol" in more else []
    fields += [(name.replace("_", "-"), value) for name, value in more.items()]
    client.connection.send_headers(client.connection.get_next_available_stream_id(), fields)
    client.flush()
