"""`https-socket`: a certificate of its own for a socket that speaks TLS alone, however the ini writes its address."""

from typing import Any

import pytest
from support.certificates import Authority, connect_tls
from support.http1 import connect
from support.ini import free_port
from support.uwsgi import Servers
from test_tls_certificates import common_name

GET = b"GET / HTTP/1.0\r\n\r\n"

# What uWSGI takes for a host, and where a client finds it. The star is a beginning of an address of this machine.
SPELLED = {
    "127.0.0.1": "127.0.0.1",
    "localhost": "127.0.0.1",
    "127.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "127.*": "127.0.0.1",
    "": "127.0.0.1",
    "0": "127.0.0.1",
    "0.0.0.0": "127.0.0.1",
    "[::1]": "::1",
    "[0:0:0:0:0:0:0:1]": "::1",
    "[::]": "::1",
}

Address = tuple[str, int]


def in_clear_text(address: Address, before: bytes = b"") -> bytes:
    with connect(address) as sock:
        sock.sendall(before + GET)
        return sock.makefile("rb").read()


def over_tls(address: Address, authority: Authority, before: bytes = b"") -> bytes:
    with connect_tls(address, authority.client_context(), before=before) as sock:
        sock.sendall(GET)
        return sock.makefile("rb").read()


def test_each_has_its_own_certificate(uwsgi: Servers, authority: Authority) -> None:
    ports = [free_port(), free_port()]
    sockets = [
        f"127.0.0.1:{port},{','.join(map(str, authority.serve(f'{name}.test', name)))}"
        for port, name in zip(ports, ("one", "two"), strict=True)
    ]
    server = uwsgi(module="mirror:app", https_socket=sockets)
    for port, name in zip(ports, ("one", "two"), strict=True):
        with connect_tls(("127.0.0.1", port), authority.client_context()) as sock:
            assert common_name(sock) == f"{name}.test"
    assert in_clear_text(server.address).endswith(b"hello")


def test_each_speaks_tls_alone_however_its_address_is_written(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    addresses = {written: (host, free_port(host)) for written, host in SPELLED.items()}
    sockets = [f"{written}:{port},{certificate},{key}" for written, (_, port) in addresses.items()]
    uwsgi(module="mirror:app", https_socket=sockets)
    for written, address in addresses.items():
        assert in_clear_text(address) == b"", written
        assert over_tls(address, authority).endswith(b"hello"), written


@pytest.mark.parametrize("key", ["shared_socket", "undeferred_shared_socket"])
def test_a_shared_socket(uwsgi: Servers, authority: Authority, key: str) -> None:
    certificate, private = authority.serve("server.test")
    addresses = [("127.0.0.1", free_port()) for _ in range(2)]
    shared: dict[str, Any] = {key: [f"{host}:{port}" for host, port in addresses]}
    uwsgi(module="mirror:app", socket=None, **shared, http_socket="=0", https_socket=f"=1,{certificate},{private}")
    assert in_clear_text(addresses[0]).endswith(b"hello")
    assert in_clear_text(addresses[1]) == b""
    assert over_tls(addresses[1], authority).endswith(b"hello")


def test_a_proxy_header_does_not_make_it_another_socket(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    address = ("127.0.0.1", free_port())
    uwsgi(
        module="mirror:app",
        https_socket=f"{address[0]}:{address[1]},{certificate},{key}",
        enable_proxy_protocol=True,
        trio_proxy_allow="127.0.0.1",
    )
    header = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
    assert in_clear_text(address, header) == b""
    assert over_tls(address, authority, header).endswith(b"hello")


def test_one_that_cannot_be_told_from_others_stops_the_start(uwsgi: Servers, authority: Authority) -> None:
    """It would speak clear text."""
    certificate, key = authority.serve("server.test")
    server = uwsgi(https_socket=f"127.0.0.1:0,{certificate},{key}", need_app=True, ready=False)
    server.wait_log(r"https-socket = 127\.0\.0\.1:0: allowed is a socket of the ini: 127\.0\.0\.1:\d+, /")
    server.wait_end()
