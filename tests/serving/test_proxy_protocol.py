"""The PROXY protocol in front of everything that is spoken, and whom it is believed from."""

import json
import socket
import struct
from typing import Any

import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1, Target, connect
from support.http2 import Http2
from support.packets import ask, is_closed, request
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command: int = 0x21, family: int = 0x11, data: bytes | None = None, tlvs: bytes = b"") -> bytes:
    """A header of version 2."""
    if data is None:
        data = socket.inet_aton("203.0.113.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 4711, 443)
    return SIGNATURE + struct.pack("!BBH", command, family, len(data) + len(tlvs)) + data + tlvs


V6 = v2(
    family=0x21,
    data=socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + struct.pack("!HH", 4711, 443),
)
TLS_TLV = struct.pack("!BHBI", 0x20, 5, 0x01, 0)


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(
        module="mirror:app",
        enable_proxy_protocol=True,
        trio_proxy_allow="127.0.0.0/8, unix",
        trio_certfile=certificate,
        trio_keyfile=key,
        trio_clear_text=True,
        trio_uwsgi_allow="203.0.113.7",
    )


def scope(target: Target, before: bytes, **headers: str) -> Any:
    with Http1(target) as client:
        client.send(before)
        return json.loads(client.get("/scope", **headers).body)


@pytest.mark.parametrize("header", [V1, v2(), v2(tlvs=b"\x04\0\x03abc")], ids=["v1", "v2", "v2 with TLVs"])
def test_who_it_speaks_for(server: Server, header: bytes) -> None:
    for target in (server.address, server.unix_path):
        told = scope(target, header)
        assert told["client"] == ["203.0.113.7", 4711]
        assert told["server"] == ["198.51.100.1", 443]
        assert told["scheme"] == "http"


def test_ipv6(server: Server) -> None:
    assert scope(server.address, V6)["client"] == ["2001:db8::7", 4711]
    line = b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n"
    assert scope(server.address, line)["client"] == ["2001:db8::7", 4711]


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff:: ff:: 1 2\r\n", v2(0x20, 0, b"")])
def test_a_proxy_that_speaks_for_itself(server: Server, header: bytes) -> None:
    assert scope(server.address, header)["client"][0] == "127.0.0.1"


def test_unix_sockets_behind_a_proxy(server: Server) -> None:
    data = b"/client".ljust(108, b"\0") + b"/server".ljust(108, b"\0")
    told = scope(server.address, v2(family=0x31, data=data))
    assert (told["client"], told["server"]) == (None, ["/server", None])


def test_tls_between_client_and_proxy(server: Server) -> None:
    assert scope(server.address, v2(tlvs=TLS_TLV))["scheme"] == "https"


def test_a_header_in_pieces(server: Server) -> None:
    for header in (V1, v2()):
        with Http1(server.address) as client:
            for byte in header[:20]:
                client.send(bytes([byte]))
            client.send(header[20:])
            assert client.get("/").body == b"hello"


def test_without_a_header(server: Server) -> None:
    assert scope(server.address, b"")["client"][0] == "127.0.0.1"
    with Http1(server.address) as client:  # RFC 9112 section 2.2: empty lines before a request are ignored.
        client.send(b"\r\n\r\n")
        assert client.get("/").body == b"hello"


def test_every_protocol_behind_it(server: Server, authority: Authority) -> None:
    with connect_tls(server.address, authority.client_context(), before=V1) as sock:
        sock.sendall(b"GET /scope HTTP/1.0\r\n\r\n")
        told = json.loads(sock.makefile("rb").read().partition(b"\r\n\r\n")[2])
    assert (told["client"], told["scheme"]) == (["203.0.113.7", 4711], "https")
    with Http2(server.address) as client:
        client.socket.sendall(v2())
        client.begin()
        assert json.loads(client.response(client.request("/scope"))[1])["client"] == ["203.0.113.7", 4711]
    plain = connect(server.address)
    plain.sendall(V1)
    with connect_websocket("ws://test/scope", sock=plain) as session:
        assert json.loads(session.recv())["client"] == ["203.0.113.7", 4711]


def test_a_packet_is_believed_by_who_sent_it_to_the_proxy(server: Server) -> None:
    assert ask(server.address, V1 + request("/")).body == b"hello"
    assert is_closed(server.address, V1.replace(b"203.0.113.7", b"203.0.113.8") + request("/"))
    assert is_closed(server.address, request("/"))


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n",
        b"PROXY TCP4 203.0.113.777 198.51.100.1 4711 443\r\n",
        b"PROXY TCP6 203.0.113.7 198.51.100.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 99999\r\n",
        b"PROXY UDP4 203.0.113.7 198.51.100.1 4711 443\r\n",
        b"PROXY TCP4" + b" " * 200,
        v2(command=0x31),
        v2(command=0x22),
        v2(data=b"short"),
        v2(tlvs=b"x" * 5000),
        V1 + V1,
        V1 + v2(),
    ],
)
def test_a_header_that_is_not_valid_ends_the_connection(server: Server, header: bytes) -> None:
    with connect(server.address) as sock:
        sock.sendall(header + b"GET /raise HTTP/1.1\r\nHost: test\r\n\r\n")
        answer = sock.makefile("rb").read() if header not in (V1 + V1, V1 + v2()) else sock.recv(12)
    assert answer in (b"", b"HTTP/1.1 400", b"HTTP/1.1 501"), answer
    assert "exception in" not in server.log


def test_from_others_it_is_without_effect(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app", enable_proxy_protocol=True, trio_proxy_allow="192.0.2.1")
    for target in (server.address, server.unix_path):
        assert is_closed(target, V1 + b"GET /raise HTTP/1.1\r\nHost: test\r\n\r\n")
        assert scope(target, b"")["path"] == "/scope"
    server.wait_log("its PROXY header is refused: its sender is not in trio-proxy-allow", 2)
    assert "exception in" not in server.log


def test_where_it_is_not_enabled_it_is_no_protocol(uwsgi: Servers) -> None:
    server = uwsgi(module="mirror:app", trio_proxy_allow="127.0.0.1")
    with connect(server.address) as sock:
        sock.sendall(V1)
        assert sock.recv(9) == b"HTTP/1.1 "
