"""Whatever one connection does, only that connection ends; and every connection does end."""

import re
from collections.abc import Iterator

import pytest
from support.http1 import Http1, connect
from support.http2 import Http2, Http2WebSocket
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect as connect_websocket

APPS = ("probe:app", "quart_app:app", "starlette_app:app")
UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module", params=APPS)
def app_server(request: pytest.FixtureRequest, module_uwsgi: Servers) -> Server:
    return module_uwsgi(module=request.param)


@pytest.fixture(scope="module")
def shared(module_uwsgi: Servers) -> Server:
    return module_uwsgi(trio_write_timeout=1)


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """A server whose worker must still be the same afterwards, and hold no connection."""
    pids = shared.worker_pids()
    yield shared
    with Http1(shared.address) as client:
        assert client.get("/pid").text == str(pids[0])
    eventually(lambda: shared.metrics()["worker.1.connections"] == 0, why=lambda: shared.log)
    assert shared.worker_pids() == pids


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: test\r\nConnection: close\r\n\r\n",
        b"GET /raise HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        b"POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\n12345",
    ],
    ids=["close", "1.0", "1.0 close", "exception", "body"],
)
def test_a_client_that_waits_for_the_end_gets_it(app_server: Server, request_head: bytes) -> None:
    with Http1(app_server.address, timeout=3) as client:
        client.send(request_head)
        assert client.rest().startswith(b"HTTP/1.1 ")


def test_a_client_that_never_reads_is_ended(server: Server) -> None:
    with Http1(server.address) as deaf:
        deaf.request("/stream?size=1000000")
        eventually(lambda: server.metrics()["worker.1.in_flight"] == 1)
        eventually(lambda: server.metrics()["worker.1.in_flight"] == 0)


@pytest.mark.parametrize("garbage", [b"\xff" * 50, b"GET / HTTP/1.1\r\n\r\n", b"\x81\x05hello"])
def test_garbage_after_an_upgrade(server: Server, garbage: bytes) -> None:
    with Http1(server.address) as client:
        client.send(UPGRADE % b"/ws")
        assert client.head().status == 101
        client.send(garbage)
        client.rest()


@pytest.mark.parametrize(("path", "status"), [("/ws/refuse", 403), ("/ws/raise", 500)])
def test_a_refused_upgrade(server: Server, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect_websocket(f"ws://test{path}", sock=connect(server.address))
    assert refused.value.response.status_code == status


@pytest.mark.parametrize(("path", "status"), [("/ws/refuse", 403), ("/ws/raise", 500)])
def test_a_refused_session_over_http2(server: Server, path: str, status: int) -> None:
    with Http2(server.address).begin() as client:
        assert Http2WebSocket(client, path).status == status
        assert client.response(client.request("/")) == (200, b"hello")


def test_garbage_after_a_refused_upgrade(server: Server) -> None:
    with Http1(server.address) as client:
        client.send(UPGRADE % b"/ws/refuse" + b"\xff" * 100)
        assert client.head().status in (400, 403)
        client.rest()


def test_an_exception_in_a_session(server: Server) -> None:
    errors = server.count("exception in WebSocket")
    with connect_websocket("ws://test/ws", sock=connect(server.address)) as client:
        client.send("raise")
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv()
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1011
    server.wait_log("exception in WebSocket", count=errors + 1)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/raise", "ValueError: raised on request"),
        ("/raise/group", "ValueError: the second of a group"),
        ("/raise/exit", "SystemExit: not the end of a worker"),
        ("/silent", "the app returned without a response to GET"),
    ],
)
def test_an_exception_is_a_500_and_one_error(server: Server, path: str, said: str) -> None:
    errors, told = server.count(r"^\[worker 1\] ERROR"), server.count(said)
    with Http1(server.address) as client:
        assert client.get(path).status == 500
    server.wait_log(said, count=told + 1)
    assert server.count(r"^\[worker 1\] ERROR") == errors + 1


def test_an_exception_amid_a_response_cuts_it_off(server: Server) -> None:
    """The client must see that it has not all of it (RFC 9112 section 8)."""
    errors = server.count("raised in the middle of a response")
    with Http1(server.address) as client:
        client.request("/raise/late")
        assert client.head().status == 200
        assert client.rest() == b"half"
    server.wait_log("raised in the middle of a response", count=errors + 1)


def test_an_exception_ends_only_its_stream(server: Server) -> None:
    with Http2(server.address).begin() as client:
        busy, failing = client.request("/sleep?seconds=0.5"), client.request("/raise/group")
        assert client.response(failing)[0] == 500
        assert client.response(busy) == (200, b"slept")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 100,
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["zeros", "words", "lengths", "frames", "long"],
)
def test_nonsense_ends_only_its_connection(server: Server, data: bytes) -> None:
    with Http1(server.address) as client:
        try:
            client.send(data)
            rest = client.rest()
        except ConnectionError:
            rest = b""
    assert not re.match(rb"HTTP/1\.1 2", rest)


def test_a_client_that_hangs_up_cancels_its_request(server: Server) -> None:
    cancelled = server.count("sleep cancelled")
    with Http1(server.address) as client:
        asked = server.count("sleeping")
        client.request("/sleep?seconds=60")
        server.wait_log("sleeping", count=asked + 1)
    server.wait_log("sleep cancelled", count=cancelled + 1, timeout=2)
