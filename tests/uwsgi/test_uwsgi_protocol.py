"""The uwsgi protocol on every socket: what a packet says, the bodies behind it, answers, pings, and hang-ups."""

import socket
import subprocess
from typing import Any

import pytest
from support.http1 import Http1, Target, connect, count_waiting
from support.ini import UWSGI
from support.packets import ask, packet, read, request, scope
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", limit_post=1_000_000)


@pytest.fixture(params=["tcp", "unix"])
def target(request: pytest.FixtureRequest, server: Server) -> Target:
    return server.address if request.param == "tcp" else server.unix_path


def test_a_request_and_its_answer(target: Target) -> None:
    response = ask(target, request("/"))
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["content-length"] == "5"
    assert "connection" not in response.headers
    assert {"date", "server"} <= {name.lower() for name in response.headers}


def test_the_scope_has_what_the_variables_say(target: Target) -> None:
    data = request(
        "/scope/a%20b?x=1&y",
        PATH_INFO="/scope/a b",
        HTTP_X_TWO_WORDS="value",
        CONTENT_TYPE="text/plain",
        HTTPS="on",
        SERVER_PORT="443",
    )
    told = scope(target, data)
    assert told["path"] == "/scope/a b"
    assert told["raw_path"] == "/scope/a%20b"
    assert told["query_string"] == "x=1&y"
    assert told["root_path"] == ""
    assert told["client"] == ["203.0.113.7", 4711]
    assert told["server"] == ["front.test", 443]
    assert (told["scheme"], told["http_version"], told["method"]) == ("https", "1.1", "GET")
    assert told["headers"] == [["host", "test"], ["x-two-words", "value"], ["content-type", "text/plain"]]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"UWSGI_SCHEME": "https"}, "https"),
        ({"UWSGI_SCHEME": "http", "HTTPS": "on"}, "http"),
        ({"HTTPS": "off", "REQUEST_SCHEME": "http"}, "http"),
        ({"REQUEST_SCHEME": "https"}, "https"),
        ({"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HTTPS": "on"}, "http"),
    ],
)
def test_the_scheme(server: Server, variables: dict[str, str], expected: str) -> None:
    assert scope(server.unix_path, request("/scope", **variables))["scheme"] == expected


@pytest.mark.parametrize(
    ("variables", "path", "root_path"),
    [
        ({"REQUEST_URI": "/app/scope", "SCRIPT_NAME": "/app", "PATH_INFO": "/scope"}, "/app/scope", "/app"),
        ({"REQUEST_URI": "/app/scope", "SCRIPT_NAME": "/app", "PATH_INFO": "/app/scope"}, "/app/scope", "/app"),
        ({"REQUEST_URI": "/scope", "SCRIPT_NAME": "/app/", "PATH_INFO": "/scope"}, "/app/scope", "/app"),
        ({"REQUEST_URI": "/old", "PATH_INFO": "/scope/new"}, "/scope/new", ""),
    ],
    ids=["as CGI", "as nginx", "stripped", "rewritten"],
)
def test_where_the_app_is_mounted(server: Server, variables: dict[str, str], path: str, root_path: str) -> None:
    told = scope(server.unix_path, request(**variables))
    assert (told["path"], told["root_path"]) == (path, root_path)
    assert told["raw_path"] == variables["REQUEST_URI"]


def test_other_variables_are_kept(server: Server) -> None:
    told = scope(server.unix_path, request("/scope", UWSGI_ROUTER="http", REMOTE_USER="Zoë"))
    assert told["extensions"]["uwsgi"] == {"UWSGI_ROUTER": "http", "REMOTE_USER": "Zo\udceb"}


def test_what_a_client_calls_its_headers_changes_no_variable(server: Server) -> None:
    """Fronts put HTTP_ before them."""
    told = scope(server.unix_path, request("/scope", HTTP_REMOTE_ADDR="10.0.0.1", HTTP_CONTENT_LENGTH="9"))
    assert told["client"][0] == "203.0.113.7"
    assert ["remote-addr", "10.0.0.1"] in told["headers"]
    assert "content-length" not in dict(told["headers"])


def test_a_body_by_its_length(target: Target) -> None:
    body = bytes(range(256)) * 1000
    data = request("/echo", REQUEST_METHOD="POST", CONTENT_LENGTH=str(len(body)))
    assert ask(target, data + body).body == body
    with connect(target) as sock:
        for piece in (data[:3], data[3:50], data[50:], body[:1], body[1:70_000], body[70_000:]):
            sock.sendall(piece)
        assert read(sock).body == body


def test_what_comes_behind_the_body_is_ignored(server: Server) -> None:
    data = request("/echo", REQUEST_METHOD="POST", CONTENT_LENGTH="4")
    assert ask(server.unix_path, data + b"body and more").body == b"body"


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_a_chunked_body_in_raw_mode(target: Target, pieces: int) -> None:
    data = request("/echo", REQUEST_METHOD="POST", HTTP_TRANSFER_ENCODING="chunked", UWSGI_ROUTER="http")
    chunks = b"5\r\nhello\r\n1;name=value\r\n \r\n005\r\nworld\r\n0\r\nTrailer: value\r\n\r\n"
    with connect(target) as sock:
        sock.sendall(data)
        for start in range(0, len(chunks), pieces):
            sock.sendall(chunks[start : start + pieces])
        assert read(sock).body == b"hello world"


def test_nginx_has_decoded_chunks_already(server: Server) -> None:
    """It passes the client's Transfer-Encoding on, together with the length that it counted."""
    data = request("/scope", REQUEST_METHOD="POST", CONTENT_LENGTH="3", HTTP_TRANSFER_ENCODING="chunked")
    assert "transfer-encoding" not in dict(scope(server.unix_path, data + b"abc")["headers"])


def test_a_head_and_a_304_have_no_body(server: Server) -> None:
    response = ask(server.unix_path, request("/bytes?size=10&length=1", REQUEST_METHOD="HEAD"))
    assert (response.status, response.headers["content-length"], response.body) == (200, "10", b"")
    response = ask(server.unix_path, request("/nothing"))
    assert (response.status, response.body) == (304, b"")
    # Without it, uWSGI's http router would put chunks behind this head.
    assert response.headers["connection"] == "close"


def test_a_body_of_unknown_length_ends_with_the_connection(server: Server) -> None:
    response = ask(server.unix_path, request("/bytes?size=100000"))
    assert len(response.body) == 100_000
    assert "transfer-encoding" not in response.headers


def test_an_answer_reaches_a_front_that_is_still_sending(server: Server) -> None:
    size = 900_000
    data = request("/", REQUEST_METHOD="POST", CONTENT_LENGTH=str(size))
    for target in (server.address, server.unix_path):
        with connect(target) as sock:
            sock.sendall(data + b"x" * (size // 2))
            assert read(sock).body == b"hello"


def test_a_ping(server: Server, target: Target) -> None:
    with connect(target) as sock:
        sock.sendall(packet(b"", modifier1=100))
        assert sock.makefile("rb").read() == packet(b"", modifier1=100, modifier2=1)
    with connect(target) as sock:  # In two pieces: a `d` may be the beginning of HTTP.
        sock.sendall(b"d")
        sock.sendall(b"\0\0\0")
        assert sock.makefile("rb").read() == packet(b"", modifier1=100, modifier2=1)


def test_uwsgi_itself_can_ping(server: Server) -> None:
    for name in (f"{server.address[0]}:{server.address[1]}", str(server.unix_path)):
        assert subprocess.run([UWSGI, "--ping", name], capture_output=True, timeout=10).returncode == 0


def test_http_goes_on_beside_packets(target: Target) -> None:
    with Http1(target) as client:
        assert client.get("/").body == b"hello"
        assert ask(target, request("/")).body == b"hello"
        assert client.get("/").body == b"hello"


def test_a_websocket_in_raw_mode(target: Target) -> None:
    """The client's side of the handshake is what uWSGI's http router made the packet from."""
    sock = connect(target)
    near, far = socket.socketpair()
    with near, far:
        # The handshake of the client is caught, sent as a packet, and the rest goes its own way.
        from websockets.client import ClientProtocol
        from websockets.frames import Opcode
        from websockets.uri import parse_uri

        protocol = ClientProtocol(parse_uri("ws://test/ws?x=1"))
        handshake = protocol.connect()
        variables = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in handshake.headers.raw_items()}
        sock.sendall(request("/ws?x=1", UWSGI_ROUTER="http", **variables))
        protocol.send_request(handshake)
        protocol.data_to_send()
        while not protocol.events_received():
            protocol.receive_data(sock.recv(65536))
            if protocol.handshake_exc is not None:
                raise protocol.handshake_exc
            if protocol.state.name == "OPEN":
                break
        protocol.send_text(b"a text")
        sock.sendall(b"".join(protocol.data_to_send()))
        frames: list[Any] = []
        while not frames:
            protocol.receive_data(sock.recv(65536))
            frames = [each for each in protocol.events_received() if getattr(each, "opcode", None) is Opcode.TEXT]
        assert frames[0].data == b"a text"
    sock.close()


def test_a_front_that_hangs_up_cancels_the_request(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app")
    with connect(server.unix_path) as sock:
        sock.sendall(request("/sleep?seconds=30"))
        server.wait_log("sleeping")
    server.wait_log("sleep cancelled")
    with connect(server.address) as sock:
        sock.sendall(request("/waits"))
        eventually(lambda: server.metrics()["worker.1.in_flight"] == 1)
    server.wait_log("told of the disconnect")


def test_all_leaves_before_an_end_that_is_the_bodys(server: Server) -> None:
    """Pieces of one step are more than a UNIX socket takes at once, and the last message has none."""
    with connect(server.unix_path) as sock:
        sock.sendall(request("/pieces"))
        eventually(lambda: count_waiting(sock) > 2 * 65536)
        assert read(sock).body == b"x" * 5 * 65536


def test_a_reload_waits_for_a_request(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app")
    with connect(server.unix_path) as sock:
        sock.sendall(request("/sleep?seconds=2"))
        server.wait_log("sleeping")
        server.fifo("r")
        assert read(sock).body == b"slept"
    server.wait_accepting(2)
    assert ask(server.unix_path, request()).body == b"hello"


def test_a_mount_takes_the_script_name_of_a_front_for_its_own(uwsgi: Servers) -> None:
    server = uwsgi(module=None, mount="/app=mirror:app", manage_script_name=True, lazy_apps=True)
    for variables in (
        {"REQUEST_URI": "/app/scope", "PATH_INFO": "/app/scope"},
        {"REQUEST_URI": "/app/scope", "PATH_INFO": "/scope", "SCRIPT_NAME": "/app"},
    ):
        told = scope(server.unix_path, request(**variables))
        assert (told["path"], told["root_path"]) == ("/app/scope", "/app")


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("field", ["Transfer-Encoding: chunked", "Connection: upgrade\r\nUpgrade: x"])
def test_what_comes_behind_a_chunked_body_is_none_of_it(target: Target, field: str, at_once: bool) -> None:
    data = request("/echo", REQUEST_METHOD="POST", HTTP_TRANSFER_ENCODING="chunked", UWSGI_ROUTER="http")
    behind = f"POST /echo HTTP/1.1\r\nHost: t\r\n{field}\r\n\r\n4\r\nnext\r\n0\r\n\r\n".encode()
    with connect(target) as sock:
        sock.sendall(data + b"3\r\nabc\r\n" if not at_once else data + b"3\r\nabc\r\n0\r\n\r\n" + behind)
        if not at_once:
            sock.sendall(b"0\r\n\r\n" + behind)
        assert read(sock).body == b"abc"
