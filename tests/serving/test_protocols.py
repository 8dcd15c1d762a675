"""`trio-protocols`: each socket speaks what it is told, and answers everything else by a refusal, in every protocol."""

import ssl
from collections.abc import Callable

import h2.events
import h2.settings
import pytest
from support.certificates import Authority
from support.http1 import Http1, Target, connect
from support.http2 import Http2
from support.ini import free_port
from support.packets import ask, request
from support.uwsgi import Server, Servers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEC==",
}

# The protocols of each socket; that of uwsgi is a UNIX one, the first is every other one's.
SOCKETS = {
    "http/1.1": "http/1.1",
    "http/1.1, websocket": "http/1.1, websocket",
    "h2c": "h2c",
    "h2c websocket": "h2c websocket",
    "uwsgi": "uwsgi",
    "uwsgi websocket": "UWSGI WebSocket",
    "h2": "h2",
    "everything": "http/1.1 h2 h2c websocket uwsgi",
}


@pytest.fixture(scope="module")
def sockets(module_uwsgi: Servers, authority: Authority) -> dict[str, tuple[str, int]]:
    addresses = {name: ("127.0.0.1", free_port()) for name in SOCKETS}
    names = {name: f"{host}:{port}" for name, (host, port) in addresses.items()}
    certificate, key = authority.serve("server.test")
    module_uwsgi(
        module="mirror:app",
        socket=list(names.values()),
        trio_certfile=certificate,
        trio_keyfile=key,
        trio_clear_text=True,
        trio_h2c_upgrade=True,
        trio_protocols=["http/1.1", *(f"{names[each]} = {words}" for each, words in list(SOCKETS.items())[1:])],
    )
    return addresses


def http1(target: Target) -> int:
    with Http1(target) as client:
        return client.get("/").status


def by_http2(target: Target) -> int:
    with connect(target) as sock:
        sock.sendall(PREFACE)
        line = sock.recv(100)
        if line.startswith(b"HTTP/1.1"):
            return int(line.split()[1])
    with Http2(target).begin() as client:
        return client.response(client.request("/"))[0]


def upgrade_to_http2(target: Target) -> int:
    """The status of the answer: 101, or of the app's where the Upgrade is ignored."""
    with Http1(target) as client:
        headers = {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": ""}
        client.request("/", **headers)
        return client.head().status


def in_packet(target: Target) -> int:
    return ask(target, request("/")).status


def websocket(target: Target) -> int:
    with Http1(target) as client:
        client.request("/ws", **UPGRADE)
        return client.head().status


def websocket_in_packet(target: Target) -> int:
    variables = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in UPGRADE.items()}
    with connect(target) as sock:
        sock.sendall(request("/ws", **variables))
        return int(sock.recv(12)[-3:])


def websocket_over_http2(target: Target) -> int:
    """The status, or the code of the reset."""
    with Http2(target).begin() as client:
        client.wait(h2.events.RemoteSettingsChanged)
        offered = client.connection.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL)
        stream = client.connection.get_next_available_stream_id()
        headers = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws"), (":scheme", "http")]
        client.connection.send_headers(stream, [*headers, (":authority", "test"), ("sec-websocket-version", "13")])
        client.flush()
        if not offered:  # Then the request is malformed (RFC 8441 section 4), which ends its stream.
            return int(client.wait(h2.events.StreamReset).error_code)
        return int(dict(client.wait(h2.events.ResponseReceived).headers)[b":status"])


CLIENTS: list[tuple[Callable[[Target], int], dict[str, int]]] = [
    (http1, {"http/1.1": 200, "http/1.1, websocket": 200, "h2c": 505, "uwsgi": 505, "h2": 505, "everything": 200}),
    (by_http2, {"http/1.1": 505, "h2c": 200, "h2c websocket": 200, "uwsgi": 505, "h2": 505, "everything": 200}),
    (upgrade_to_http2, {"http/1.1": 200, "everything": 101}),
    (in_packet, {"http/1.1": 400, "h2c": 400, "uwsgi": 200, "uwsgi websocket": 200, "h2": 400, "everything": 200}),
    (websocket, {"http/1.1": 501, "http/1.1, websocket": 101, "h2c websocket": 505, "everything": 101}),
    (websocket_in_packet, {"uwsgi": 501, "uwsgi websocket": 101, "http/1.1, websocket": 400, "everything": 101}),
    (websocket_over_http2, {"h2c": 1, "h2c websocket": 200, "everything": 200}),
]


@pytest.mark.parametrize(
    ("client", "name", "status"),
    [(client, name, status) for client, expected in CLIENTS for name, status in expected.items()],
)
def test_each_socket_speaks_what_it_is_told(
    sockets: dict[str, tuple[str, int]], client: Callable[[Target], int], name: str, status: int
) -> None:
    assert client(sockets[name]) == status


@pytest.mark.parametrize(
    ("name", "offered", "chosen"),
    [
        ("h2", ["h2", "http/1.1"], "h2"),
        ("h2", ["http/1.1"], None),
        ("http/1.1", ["h2", "http/1.1"], "http/1.1"),
        ("http/1.1, websocket", ["h2"], None),
        ("everything", ["http/1.1", "h2"], "h2"),
    ],
)
def test_tls_offers_what_the_socket_speaks(
    sockets: dict[str, tuple[str, int]], authority: Authority, name: str, offered: list[str], chosen: str | None
) -> None:
    assert _agreed(sockets[name], authority.client_context(*offered)) == chosen


def _agreed(target: Target, context: ssl.SSLContext) -> str | None:
    with context.wrap_socket(connect(target), server_hostname="127.0.0.1") as tls:
        return tls.selected_alpn_protocol()


@pytest.mark.parametrize(
    ("name", "begin", "answer"),
    [
        ("h2", b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"HTTP/1.1 505"),
        ("h2c", PREFACE, b"HTTP/1.1 505"),
        ("http/1.1", PREFACE, b"HTTP/1.1 505"),
        ("http/1.1", b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"HTTP/1.1 200"),
        ("h2", PREFACE, b"\0\0"),
    ],
)
def test_nothing_else_is_spoken_inside_of_tls(
    sockets: dict[str, tuple[str, int]], authority: Authority, name: str, begin: bytes, answer: bytes
) -> None:
    """Also without ALPN."""
    with authority.client_context().wrap_socket(connect(sockets[name]), server_hostname="127.0.0.1") as tls:
        tls.sendall(begin)
        assert tls.recv(100).startswith(answer)


def test_a_unix_socket_and_one_with_a_certificate_of_its_own(
    uwsgi: Servers, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, port = str(tmp_path_factory.mktemp("p") / "s"), free_port()
    certificate, key = authority.serve("server.test")
    secured = f"127.0.0.1:{port}"
    uwsgi(
        module="mirror:app",
        https_socket=f"{secured},{certificate},{key}",
        socket=path,
        trio_protocols=[f"{secured}=http/1.1", f"{path}=uwsgi"],
    )
    assert _agreed(("127.0.0.1", port), authority.client_context("h2", "http/1.1")) == "http/1.1"
    assert in_packet(path) == 200
    assert http1(path) == 505


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("http/2", r"trio-protocols = http/2: allowed is a list of http/1.1, h2, h2c, websocket, uwsgi"),
        ("websocket", r"trio-protocols = websocket: allowed is a list of http/1.1, h2"),
        ("127.0.0.1:1=", r"trio-protocols = 127\.0\.0\.1:1=: allowed is a list of http/1.1, h2"),
        ("127.0.0.1:1=h2c", r"trio-protocols = 127\.0\.0\.1:1: allowed is a socket of the ini: 127\.0\.0\.1:\d+, /"),
    ],
)
def test_an_unknown_word_or_address_stops_the_start(uwsgi: Servers, value: str, line: str) -> None:
    server: Server = uwsgi(trio_protocols=value, ready=False)
    server.wait_log(line)
    server.wait_end()


def test_hypercorn_cannot_be_told(uwsgi: Servers) -> None:
    server = uwsgi(trio_protocols="http/1.1", trio_engine="hypercorn", ready=False)
    server.wait_log("trio-protocols = http/1.1: allowed is none with trio-engine = hypercorn")
    server.wait_end()
