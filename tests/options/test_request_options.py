"""uWSGI's options of requests and sessions that have no file of their own: headers, time-outs, WebSocket limits."""

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.http1 import Http1
from support.ini import CHECKOUT, free_port
from support.uwsgi import Server, Servers
from support.waiting import eventually, throughout
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection, connect


def websocket(server: Server) -> ClientConnection:
    return connect(f"ws://{server.address[0]}:{server.address[1]}/ws", max_size=None, ping_interval=None)


def test_add_header(uwsgi: Servers) -> None:
    server = uwsgi(add_header=["X-One: 1", "X-Two:a: b"])
    with Http1(server.address) as client:
        for path, status in (("/pid", 200), ("/status?code=404", 404), ("/raise", 500)):
            answer = client.get(path)
            assert (answer.status, answer.headers["x-one"], answer.headers["x-two"]) == (status, "1", "a: b")
            if answer.headers["connection"] == "close":
                break
    with websocket(server) as session:
        assert session.response is not None
        assert session.response.headers["x-one"] == "1"


def test_websockets_max_size(uwsgi: Servers) -> None:
    server = uwsgi(websockets_max_size=2)
    with websocket(server) as session:
        session.send("x" * 2048)
        assert len(session.recv(timeout=5)) == 2048
        session.send("x" * 2049)
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def pings(server: Server, seconds: float) -> int:
    """How many pings come within the time."""
    with Http1(server.address) as client:
        shake_hands(client)
        return len(frames(client, Opcode.PING, seconds))


def shake_hands(client: Http1) -> None:
    client.request(
        "/ws",
        Upgrade="websocket",
        Connection="Upgrade",
        Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
        Sec_WebSocket_Version="13",
    )
    assert client.head().status == 101


def frames(client: Http1, opcode: Opcode, seconds: float) -> list[bytes]:
    """The frames of a kind that come within the time, without answering any; frames here are short."""
    client.socket.settimeout(0.1)
    data, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            more = client.socket.recv(65536)
        except TimeoutError:
            continue
        if not more:
            break
        data += more
    found = []
    while data:
        size = 2 + data[1]
        found += [data[:size]] if data[0] & 15 == opcode else []
        data = data[size:]
    return found


def test_websockets_ping_freq(uwsgi: Servers) -> None:
    servers = [uwsgi(websockets_ping_freq=1), uwsgi()]
    with ThreadPoolExecutor() as pool:
        pinging, silent = pool.map(lambda server: pings(server, 2.5), servers)
    assert 2 <= pinging <= 3
    assert silent == 0


def test_websockets_pong_tolerance(uwsgi: Servers) -> None:
    server = uwsgi(websockets_ping_freq=1, websockets_pong_tolerance=1)
    with Http1(server.address) as silent, websocket(server) as answering:
        shake_hands(silent)
        began = time.monotonic()
        assert len(frames(silent, Opcode.CLOSE, 6)) == 1
        assert time.monotonic() - began < 5
        server.wait_log("no pong from .* within 1 s")
        server.wait_log("session ended with 1006")
        time.sleep(max(0, began + 3.5 - time.monotonic()))
        answering.send("still here")
        assert answering.recv(timeout=5) == "still here"


def test_so_keepalive(uwsgi: Servers) -> None:
    for option, expected in ((True, b"1"), (None, b"0")):
        server = uwsgi(module="sockets_seen:app", so_keepalive=option)
        with Http1(server.address) as client:
            assert client.get("/").body == expected


def test_socket_timeout_bounds_a_body_that_stalls(uwsgi: Servers) -> None:
    server = uwsgi(socket_timeout=1)
    with Http1(server.address) as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
        began = time.monotonic()
        assert client.response().status == 408
        assert 0.5 < time.monotonic() - began < 4


def test_socket_timeout_bounds_a_client_that_does_not_read(uwsgi: Servers) -> None:
    server = uwsgi(socket_timeout=1)
    with Http1(server.address) as client:
        client.request("/stream?size=1000000")
        client.head()
        server.wait_log(r"GET /stream", timeout=8)


def test_http_timeout_bounds_the_wait_of_the_router(uwsgi: Servers) -> None:
    port = free_port()
    server = uwsgi(http=f"127.0.0.1:{port}", http_timeout=1)
    with Http1(("127.0.0.1", port)) as client:
        assert client.get("/pid").status == 200
    with Http1(("127.0.0.1", port)) as client:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            client.get("/sleep?seconds=9")
        assert time.monotonic() - began < 5
    server.wait_log("sleep cancelled")


# Development.

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]}})
    await send({{"type": "http.response.body", "body": b"{}"}})
"""


def _later(file: Path) -> Callable[[], None]:
    """What makes the file newer with each call: the first look only notes its time, and leaves no sign of that."""
    times = itertools.count(int(time.time()) + 5)

    def touch() -> None:
        now = next(times)
        os.utime(file, (now, now))

    return touch


@pytest.mark.long
@pytest.mark.parametrize("lazy", [True, None])
def test_py_autoreload(uwsgi: Servers, tmp_path: Path, lazy: bool | None) -> None:
    module = tmp_path / "changing.py"
    module.write_text(APP.format("a"))
    server = uwsgi(pythonpath=[CHECKOUT, tmp_path], module="changing:app", py_autoreload=1, lazy_apps=lazy, processes=2)
    with Http1(server.address) as client:
        assert client.get("/").text == "a"
    module.write_text(APP.format("b"))
    later = _later(module)
    eventually(lambda: server.count("has changed|has been modified") or later(), 10, lambda: server.log)
    server.wait_accepting(4)
    with Http1(server.address) as client:
        assert client.get("/").text == "b"
    assert server.count("has changed: the instance is reloaded") == (1 if lazy else 0)


@pytest.mark.long
def test_py_auto_reload_ignore(uwsgi: Servers, tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text(APP.format("a"))
    path = [CHECKOUT, tmp_path]
    server = uwsgi(
        pythonpath=path, module="changing:app", py_autoreload=1, py_auto_reload_ignore="changing", lazy_apps=True
    )
    later = _later(module)
    throughout(lambda: later() or server.count("accepting on") == 1, 4)
