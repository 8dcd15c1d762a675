"""Every socket of the ini, whatever its kind, and every protocol on each of them."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.http1 import Http1, Target, connect
from support.http2 import Http2, Http2WebSocket
from support.ini import free_port
from support.packets import ask, request
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket
from wsproto.events import CloseConnection, TextMessage

KINDS = ("tcp", "second tcp", "tcp6", "unix", "abstract")


@pytest.fixture(scope="module")
def targets() -> dict[str, Target]:
    return {
        "tcp": ("127.0.0.1", free_port()),
        "second tcp": ("127.0.0.1", free_port()),
        "tcp6": ("::1", free_port("::1")),
        "unix": Path("second.sock"),
        "abstract": f"@trio-worker-{os.getpid()}",
    }


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, targets: dict[str, Target]) -> Server:
    return module_uwsgi(socket=[_named(target) for target in targets.values()], processes=2, trio_h2c_upgrade=True)


def _named(target: Target) -> str:
    """As the ini has it."""
    if not isinstance(target, tuple):
        return str(target)
    host, port = target
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _pair(target: Target) -> tuple[str, int]:
    assert isinstance(target, tuple)
    return target


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, server: Server, targets: dict[str, Target]) -> Target:
    found = targets[request.param]
    return server.directory / found if isinstance(found, Path) else found


def test_http1_keeps_the_connection(target: Target) -> None:
    with Http1(target) as client:
        answers = {client.get("/pid").body for _ in range(3)}
        assert client.post("/echo", b"x" * 200_000).body == b"x" * 200_000
    assert len(answers) == 1


def test_http2_by_prior_knowledge(target: Target) -> None:
    with Http2(target).begin() as client:
        streams = [client.request("/pid") for _ in range(3)]
        answers = {client.response(stream) for stream in streams}
        assert client.response(client.request("/echo", "POST", b"body")) == (200, b"body")
    assert len(answers) == 1


def test_http2_by_upgrade(target: Target) -> None:
    with Http2(target).upgrade("/about") as client:
        status, body = client.response(1)
        assert (status, b'"http_version": "2"' in body) == (200, True)
        assert client.response(client.request("/")) == (200, b"hello")


def test_websocket(target: Target) -> None:
    with connect_websocket("ws://test/ws", sock=connect(target)) as client:
        client.send("a text")
        client.send(b"x" * 100_000)
        assert client.recv() == "a text"
        assert client.recv() == b"x" * 100_000


def test_websocket_over_http2(target: Target) -> None:
    with Http2(target).begin() as client:
        session = Http2WebSocket(client, "/ws")
        assert session.status == 200
        session.send(TextMessage("a text"))
        answer = session.receive()
        assert isinstance(answer, TextMessage)
        assert answer.data == "a text"
        session.send(CloseConnection(1000))
        assert isinstance(session.receive(), CloseConnection)


def test_the_app_is_told_who_asks(target: Target) -> None:
    with Http1(target) as client:
        about = json.loads(client.get("/about").body)
        local = client.socket.getsockname()
    expected = None if client.socket.family == socket.AF_UNIX else list(local[:2])
    assert about["client"] == expected
    assert about["scheme"] == "http"
    assert about["method"] == "GET"


@pytest.mark.parametrize("kind", KINDS)
def test_the_app_is_told_where_it_was_reached(server: Server, targets: dict[str, Target], kind: str) -> None:
    target = targets[kind]
    with Http1(server.directory / target if isinstance(target, Path) else target) as client:
        about = json.loads(client.get("/about").body)
    assert about["server"] == (list(target) if isinstance(target, tuple) else [str(target), None])


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_httpx(server: Server, targets: dict[str, Target], version: str) -> None:
    host, port = _pair(targets["tcp"])
    is_http2 = version == "HTTP/2"
    with httpx.Client(base_url=f"http://{host}:{port}", http1=not is_http2, http2=is_http2) as client:
        answers = [client.get("/"), client.post("/echo", content=b"hello")]
    assert [(each.text, each.http_version) for each in answers] == [("hello", version)] * 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("arguments", [["--http1.1"], ["--http1.0"], ["--http2"], ["--http2-prior-knowledge"]])
def test_curl(server: Server, targets: dict[str, Target], arguments: list[str]) -> None:
    host, port = _pair(targets["tcp"])
    command = ["curl", "--silent", "--max-time", "5", *arguments, f"http://{host}:{port}/"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"hello"


def test_the_log_names_every_socket(server: Server, targets: dict[str, Target]) -> None:
    line = server.wait_log(r"accepting on .*")
    host, port = _pair(targets["tcp"])
    assert f"accepting on http://{host}:{port}/, " in line
    assert line.count(", ") == len(KINDS) - 1
    assert line.endswith(f"unix:{targets['abstract']}")
    assert "Logging error" not in server.log


def test_no_listening_socket_is_left_blocking(server: Server) -> None:
    descriptors = re.findall(r"^uwsgi socket \d+ .* fd (\d+)$", server.log, re.MULTILINE)
    assert len(descriptors) == len(KINDS)
    for descriptor in descriptors:
        info = Path(f"/proc/{server.worker_pids()[0]}/fdinfo/{descriptor}").read_text()
        flags = re.search(r"flags:\s+(\d+)", info)
        assert flags is not None
        assert int(flags[1], 8) & os.O_NONBLOCK


def test_accepting_spreads_over_the_workers(uwsgi: Servers) -> None:
    server = uwsgi(processes=4)
    clients = []
    try:
        pids = []
        for _ in range(64):
            clients.append(Http1(server.address))
            pids.append(clients[-1].get("/pid").text)
    finally:
        for client in clients:
            client.close()
    held = Counter(pids)
    assert max(held.values()) <= 2 * 64 / 4, held


@pytest.mark.parametrize("option", ["uwsgi-socket", "http-socket", "http11-socket"])
def test_a_socket_by_any_other_name_speaks_the_same(uwsgi: Servers, option: str) -> None:
    address = ("127.0.0.1", free_port())
    sockets: dict[str, Any] = {option: _named(address)}
    uwsgi(**sockets)
    with Http1(address) as client:
        assert [client.get().text for _ in range(2)] == ["hello"] * 2
    assert ask(address, request()).body == b"hello"


def test_a_mapped_socket_is_served_by_its_worker_alone(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, map_socket="0:2")
    clients = [Http1(server.address) for _ in range(16)]
    pids = {int(client.get("/pid").text) for client in clients}
    for client in clients:
        client.close()
    assert pids == {server.worker_pids()[1]}
    server.wait_log(rf"\[worker 1\].* accepting on unix:{server.unix_path}$")


def test_the_socket_outlives_every_worker(uwsgi: Servers) -> None:
    """Connections that are made while no worker accepts wait; none is refused."""
    server = uwsgi()
    (first,) = server.worker_pids()
    server.signal(signal.SIGHUP, first)
    clients = []

    def replaced() -> bool:
        clients.append(Http1(server.address))
        clients[-1].request("/pid")
        return server.worker_pids() not in ([first], [])

    eventually(replaced)
    answers = {client.response().text for client in clients}
    for client in clients:
        client.close()
    assert answers <= {str(first), str(server.worker_pids()[0])}
    assert str(server.worker_pids()[0]) in answers


def test_max_connections_holds_for_those_that_come_at_once(uwsgi: Servers) -> None:
    server = uwsgi(trio_max_connections=3)
    server.signal(signal.SIGTSTP)
    server.wait_log("accepting is paused")
    with ExitStack() as stack:
        waiting = [stack.enter_context(connect(server.address)) for _ in range(10)]
        for sock in waiting:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        server.signal(signal.SIGTSTP)
        for _ in range(2):
            answered = eventually(partial(three_readable, waiting))
            waiting = [sock for sock in waiting if sock not in answered]
            assert readable(waiting, wait=0.3) == []
            for sock in answered:
                sock.close()


def three_readable(sockets: list[socket.socket]) -> list[socket.socket]:
    found = readable(sockets)
    return found if len(found) == 3 else []


def readable(sockets: list[socket.socket], wait: float = 0) -> list[socket.socket]:
    return select.select(sockets, [], [], wait)[0]


def test_an_address_that_stands_twice_in_the_ini(uwsgi: Servers) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = uwsgi(module="mirror:app", socket=[address, address])
    assert httpx.get(f"http://{address}/").text == "hello"
    assert server.count("accepting on") == 1


@pytest.mark.parametrize("how", ["answer", "reload"])
def test_a_child_of_the_app_keeps_no_connection_open(uwsgi: Servers, how: str) -> None:
    server = uwsgi(module="forking:app")
    with Http1(server.address) as client, Http1(server.address) as idle:
        assert idle.get("/").text == "hello"
        child = int(client.get("/fork").text)
        try:
            if how == "answer":
                assert client.get("/", Connection="close").text == "hello"
                assert client.socket.recv(1) == b""
            else:
                server.reload("r")
                assert idle.socket.recv(1) == b""
        finally:
            os.kill(child, signal.SIGKILL)
