"""TLS on any socket: what is agreed on, what is spoken inside, and how it ends."""

import json
import shutil
import socket
import ssl
import subprocess
from contextlib import suppress
from typing import Any

import httpx
import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1, connect
from support.https import Https
from support.packets import ask, request
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)


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
    sock = connect_tls(server.address, authority.threads_context())
    with connect_websocket("ws://test/ws", sock=sock) as client:
        client.send("a text")
        client.send(b"x" * 100_000)
        assert (client.recv(), client.recv()) == ("a text", b"x" * 100_000)
    sock = connect_tls(server.address, authority.threads_context())
    with connect_websocket("ws://test/scope", sock=sock) as client:
        told = json.loads(client.recv())
    assert told["scheme"] == "wss"
    assert told["extensions"]["tls"]["tls_version"] == 0x0303


def test_every_protocol_on_one_socket(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key, trio_clear_text=True)
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
def test_what_is_no_tls_ends_its_connection_only(server: Server, authority: Authority, garbage: bytes) -> None:
    with connect(server.address) as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    with Https(connect_tls(server.address, authority.client_context())) as client:
        assert client.get("/").body == b"hello"


@pytest.mark.parametrize(
    "clear", [b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", HTTP2_PREFACE, request("/")], ids=["http1", "http2", "uwsgi"]
)
@pytest.mark.parametrize("place", ["address", "unix_path"])
def test_a_socket_with_a_certificate_speaks_tls_alone(server: Server, place: str, clear: bytes) -> None:
    with connect(getattr(server, place)) as sock:
        sock.sendall(clear)
        with suppress(ConnectionResetError):
            assert sock.recv(1) == b""


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


def test_a_client_that_does_not_read_is_given_up(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key, trio_write_timeout=1)
    size = 50_000_000
    with connect_tls(server.address, authority.client_context()) as sock:
        sock.sendall(b"GET /bytes?size=%d HTTP/1.1\r\nHost: test\r\n\r\n" % size)
        server.wait_log(f"GET /bytes.size={size}")
        got = 0
        with suppress(OSError):
            while data := sock.recv(65536):
                got += len(data)
    assert got < size
    with Https(connect_tls(server.address, authority.client_context())) as client:
        assert client.get("/").body == b"hello"


def test_a_goodbye_that_the_client_does_not_read_keeps_nobody(server: Server, authority: Authority) -> None:
    """The end is said without waiting, though the answer before it still fills the kernel's buffers."""
    with connect_tls(server.address, authority.client_context()) as sock:
        sock.sendall(b"GET /bytes?size=300000 HTTP/1.0\r\n\r\n")
        with Https(connect_tls(server.address, authority.client_context())) as client:
            assert client.get("/").body == b"hello"
        data = b""
        while more := sock.recv(65536):
            data += more
    assert len(data.partition(b"\r\n\r\n")[2]) == 300_000


def test_a_request_in_a_record_of_its_own_is_seen(server: Server, authority: Authority) -> None:
    """What the first record has begins no request yet, and the second one has been read together with it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client_context("http/1.1").wrap_bio(incoming, outgoing, server_hostname="server.test")
    with connect(server.address) as sock:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        tls.write(b"\r\n")
        tls.write(b"GET /scope HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n")
        sock.sendall(outgoing.read())
        while data := sock.recv(65536):
            incoming.write(data)
        assert tls.read(15) == b"HTTP/1.1 200 OK"
