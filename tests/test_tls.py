"""TLS on any socket: what is agreed on, what is spoken inside, client certificates, and renewed certificates."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import h2.events
import httpx
import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1, Target, connect
from support.http2 import Http2
from support.ini import free_port
from support.packets import ask, request
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

ENGINES = pytest.mark.engines("express", "hypercorn")
RELOADS = pytest.mark.parametrize("how", ["r", "c"], ids=["reload", "chain reload"])
pytestmark = pytest.mark.engines("express")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)


class Https(Http1):
    """`Http1` over TLS."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.socket = sock
        self._file = sock.makefile("rb")


class Https2(Http2):
    """`Http2` over TLS."""

    def __init__(self, target: Target, context: ssl.SSLContext) -> None:
        super().__init__(target)
        self.socket = tls = context.wrap_socket(self.socket)
        assert tls.selected_alpn_protocol() == "h2"
        self.begin()

    @property
    def is_leaving(self) -> bool:
        """Whether the server has said GOAWAY."""
        return any(isinstance(event, h2.events.ConnectionTerminated) for event in self.events)


def common_name(sock: socket.socket) -> str:
    """Of the server: the first host's name in its certificate."""
    tls: Any = sock
    name: str = tls.getpeercert()["subjectAltName"][0][1]
    return name


def serial(sock: socket.socket) -> str:
    """Of the server's certificate."""
    tls: Any = sock
    number: str = tls.getpeercert()["serialNumber"]
    return number


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_http1_keeps_the_connection(server: Server, authority: Authority, version: str) -> None:
    context = authority.client_context("http/1.1")
    context.maximum_version = context.minimum_version = ssl.TLSVersion[version]
    with Https(connect_tls(server.address, context)) as client:
        told = json.loads(client.get("/scope").body)
        assert client.post("/echo", b"x" * 300_000).body == b"x" * 300_000
        tls: Any = client.socket
        assert tls.selected_alpn_protocol() == "http/1.1"
        suite = _suite(tls, context)
    assert told["scheme"] == "https"
    assert told["client"][0] == "127.0.0.1"
    extension = told["extensions"]["tls"]
    assert extension["server_cert"].startswith("-----BEGIN CERTIFICATE-----")
    assert extension["tls_version"] == {"TLSv1_2": 0x0303, "TLSv1_3": 0x0304}[version]
    assert extension["cipher_suite"] == suite
    assert (extension["client_cert_chain"], extension["client_cert_name"]) == ([], None)


def _suite(sock: ssl.SSLSocket, context: ssl.SSLContext) -> int:
    name, *_ = sock.cipher() or ("",)
    return next(each["id"] & 0xFFFF for each in context.get_ciphers() if each["name"] == name)


def test_http2_by_alpn(server: Server, authority: Authority) -> None:
    with httpx.Client(http2=True, verify=authority.client_context("h2", "http/1.1")) as client:
        told = client.get(f"https://127.0.0.1:{server.address[1]}/scope")
        body = client.post(f"https://127.0.0.1:{server.address[1]}/echo", content=b"x" * 300_000)
    assert told.http_version == "HTTP/2"
    assert told.json()["scheme"] == "https"
    assert told.json()["extensions"]["tls"]["tls_version"] == 0x0304
    assert body.content == b"x" * 300_000


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("arguments", [["--http1.1"], ["--http2"], ["--http1.0"]])
def test_curl(server: Server, authority: Authority, arguments: list[str]) -> None:
    url = f"https://127.0.0.1:{server.address[1]}/"
    command = ["curl", "--silent", "--max-time", "5", "--cacert", str(authority.file), *arguments, url]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"hello"


def test_websocket(server: Server, authority: Authority) -> None:
    sock = connect_tls(server.address, authority.client_context())
    with connect_websocket("ws://test/ws", sock=sock) as client:
        client.send("a text")
        client.send(b"x" * 100_000)
        assert (client.recv(), client.recv()) == ("a text", b"x" * 100_000)
    sock = connect_tls(server.address, authority.client_context())
    with connect_websocket("ws://test/scope", sock=sock) as client:
        told = json.loads(client.recv())
    assert told["scheme"] == "wss"
    assert told["extensions"]["tls"]["tls_version"] == 0x0304


def test_every_protocol_on_one_socket(server: Server, authority: Authority) -> None:
    for target in (server.address, server.unix_path):
        with Http1(target) as plain, Https(connect_tls(target, authority.client_context())) as client:
            assert plain.get("/").body == b"hello"
            assert client.get("/").body == b"hello"
            assert ask(target, request("/")).body == b"hello"
            assert plain.get("/").body == b"hello"


def test_large_bodies(server: Server, authority: Authority) -> None:
    size = 20_000_000
    with Https(connect_tls(server.address, authority.client_context())) as client:
        body = client.get(f"/bytes?size={size}&length=1").body
        told = json.loads(client.post("/digest", body).body)
    assert (len(body), told["size"]) == (size, size)


def test_a_packet_inside_of_tls_is_no_packet(server: Server, authority: Authority) -> None:
    with connect_tls(server.address, authority.client_context()) as sock:
        sock.sendall(request("/"))
        assert sock.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 501")


def test_the_end_is_said_in_tls(server: Server, authority: Authority) -> None:
    """Without TLS's own word for it a client cannot tell the end from a cut (RFC 8446 section 6.1)."""
    context = authority.client_context()
    with connect_tls(server.address, context) as sock:
        sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        sock.sendall(b"GET /bytes?size=1000 HTTP/1.0\r\n\r\n")
        data = b""
        while more := sock.recv(65536):
            data += more
    assert data.partition(b"\r\n\r\n")[2] == (bytes(range(256)) * 4)[:1000]


@pytest.mark.parametrize("garbage", [b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01" + b"\xff" * 500])
def test_what_is_no_tls_ends_its_connection_only(server: Server, garbage: bytes) -> None:
    with connect(server.address) as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    with Http1(server.address) as client:
        assert client.get("/").body == b"hello"


def test_a_client_that_hangs_up_cancels_the_request(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)
    with Https(connect_tls(server.address, authority.client_context())) as client:
        client.request("/sleep?seconds=30")
        server.wait_log("sleeping")
    server.wait_log("sleep cancelled")


def test_a_handshake_that_does_not_come(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key, trio_header_timeout=1)
    with connect(server.address) as sock:
        sock.sendall(b"\x16\x03")
        assert sock.recv(1) == b""


def test_client_certificates(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    options: Any = {"trio_certfile": certificate, "trio_keyfile": key, "trio_ca_certs": authority.file}
    server = uwsgi(module="mirror:app", **options)
    context = authority.client_context(common_name='a "name", quoted')
    with Https(connect_tls(server.address, context)) as client:
        extension = json.loads(client.get("/scope").body)["extensions"]["tls"]
    assert extension["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----")
    assert 'CN=a \\"name\\"\\, quoted' in extension["client_cert_name"]
    assert extension["client_cert_error"] is None
    # TLS 1.3 refuses a client after its side of the handshake.
    with connect_tls(server.address, authority.client_context()) as sock, pytest.raises(ssl.SSLError):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        sock.recv(1)
    server.wait_log("no TLS with .*: PEER_DID_NOT_RETURN_A_CERTIFICATE")


def test_client_certificates_that_are_optional(uwsgi: Servers, authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.serve("server.test")
    options: Any = {"trio_certfile": certificate, "trio_keyfile": key, "trio_ca_certs": authority.file}
    server = uwsgi(module="mirror:app", trio_client_certificates="optional", **options)
    with Https(connect_tls(server.address, authority.client_context())) as client:
        assert json.loads(client.get("/scope").body)["extensions"]["tls"]["client_cert_chain"] == []
    stranger = Authority(tmp_path).client_context(common_name="stranger")
    stranger.load_verify_locations(str(authority.file))
    with connect_tls(server.address, stranger) as sock, pytest.raises((ssl.SSLError, ConnectionError)):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        sock.recv(1)


@RELOADS
def test_a_reload_takes_up_renewed_certificates(uwsgi: Servers, authority: Authority, how: str) -> None:
    """Whoever is connected finishes with the old one."""
    certificate, key = authority.serve("old.test", "renewed")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)
    with Https(connect_tls(server.address, authority.client_context())) as client:
        old = serial(client.socket)
        assert common_name(client.socket) == "old.test"
        client.request("/sleep?seconds=1")
        server.wait_log("sleeping")
        authority.serve("new.test", "renewed")
        server.reload(how)
        response = client.response()
    assert (response.body, response.headers["connection"]) == (b"slept", "close")
    with connect_tls(server.address, authority.client_context()) as sock:
        assert common_name(sock) == "new.test"
        assert serial(sock) != old


@RELOADS
def test_http2_streams_finish_in_a_reload(uwsgi: Servers, authority: Authority, how: str) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)
    with Https2(server.address, authority.client_context("h2")) as client:
        streams = [client.request("/sleep?seconds=1") for _ in range(3)]
        server.wait_log("sleeping", 3)
        server.fifo(how)
        assert client.wait(h2.events.ConnectionTerminated).error_code == 0
        assert [client.response(each) for each in streams] == [(200, b"slept")] * 3
        client.read_to_end()


Talk = Callable[[], Iterator[str]]


def talk_http1(target: tuple[str, int], context: ssl.SSLContext) -> Iterator[str]:
    """One request after the other on kept connections; what became of each."""
    with closing(http.client.HTTPSConnection(*target, timeout=30, context=context)) as client:
        while True:
            client.request("GET", "/")
            response = client.getresponse()
            yield f"{response.status} {response.read().decode()}"


def talk_http2(target: tuple[str, int], context: ssl.SSLContext) -> Iterator[str]:
    """Four streams at a time, on another connection when the server says GOAWAY."""
    while True:
        with Https2(target, context) as client:
            while not client.is_leaving:
                client.events.clear()
                for stream in [client.request("/") for _ in range(4)]:
                    status, body = client.response(stream)
                    yield f"{status} {body.decode()}"


@contextmanager
def load(talk: Talk, clients: int = 4) -> Iterator[Counter[str]]:
    """Counts what becomes of the requests of several clients while the block runs."""
    counted: Counter[str] = Counter()
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                for outcome in talk():
                    counted[outcome] += 1
                    if stop.is_set():
                        break
            except (OSError, http.client.HTTPException) as error:
                counted[repr(error)] += 1

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for each in threads:
        each.start()
    try:
        yield counted
    finally:
        stop.set()
        for each in threads:
            each.join()


@pytest.mark.parametrize(
    ("talk", "how"),
    [
        pytest.param(talk_http1, "r", id="http1-reload"),
        pytest.param(talk_http1, "c", id="http1-chain reload", marks=pytest.mark.long),
        pytest.param(talk_http2, "r", id="http2-reload", marks=pytest.mark.long),
        pytest.param(talk_http2, "c", id="http2-chain reload"),
    ],
)
def test_no_request_fails_while_certificates_are_renewed(
    uwsgi: Servers, authority: Authority, how: str, talk: Callable[..., Iterator[str]]
) -> None:
    certificate, key = authority.serve("0.test", "renewed")
    server = uwsgi(module="mirror:app", processes=2, trio_certfile=certificate, trio_keyfile=key, disable_logging=True)
    context = authority.client_context("h2" if talk is talk_http2 else "http/1.1")
    with load(lambda: talk(server.address, context)) as counted:
        for name in ("1.test", "2.test"):
            enough = counted.total() + 50
            while counted.total() < enough:
                time.sleep(0.01)
            authority.serve(name, "renewed")
            server.reload(how)
    assert set(counted) == {"200 hello"}, counted
    for _ in range(8):  # More often than there are workers.
        with connect_tls(server.address, authority.client_context()) as sock:
            assert common_name(sock) == "2.test"


def test_https_sockets_have_their_own_certificates_and_speak_nothing_else(uwsgi: Servers, authority: Authority) -> None:
    ports = [free_port(), free_port()]
    sockets = [
        f"127.0.0.1:{port},{','.join(map(str, authority.serve(f'{name}.test', name)))}"
        for port, name in zip(ports, ("one", "two"), strict=True)
    ]
    server = uwsgi(module="mirror:app", https_socket=sockets)
    for port, name in zip(ports, ("one", "two"), strict=True):
        with connect_tls(("127.0.0.1", port), authority.client_context()) as sock:
            assert common_name(sock) == f"{name}.test"
        with Http1(("127.0.0.1", port)) as plain, pytest.raises(ConnectionError):
            plain.get("/")
    with Http1(server.address) as plain:
        assert plain.get("/").body == b"hello"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"trio_certfile": "/missing.pem"}, "trio-certfile = /missing.pem,/missing.pem: allowed is"),
        ({"trio_keyfile": "/missing.key"}, "trio-keyfile = /missing.key: allowed is a file beside a trio-certfile"),
        ({"trio_client_certificates": "some"}, "trio-client-certificates = some: allowed is required or optional"),
    ],
)
def test_certificates_that_cannot_be_used_stop_the_start(uwsgi: Servers, options: dict[str, str], line: str) -> None:
    server = uwsgi(ready=False, need_app=True, **options)
    server.wait_log(line)
