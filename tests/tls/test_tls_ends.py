"""The end of an answer that has no length, over TLS: `close_notify` says that it is whole (RFC 9112 section 9.8)."""

import ssl

import pytest
from support.bodies import SCRIPTED, body_of
from support.certificates import Authority
from support.http1 import connect
from support.uwsgi import Server, Servers

# What the app has sent when it ends, in one step and over some time.
SIZE = 60_100


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(**SCRIPTED, trio_certfile=certificate, trio_keyfile=key, harakiri=1)


def read(server: Server, authority: Authority, steps: str) -> tuple[bytes, bool]:
    """The body that a client of HTTP/1.0 gets, and whether the end of it is one in TLS."""
    context = authority.client_context("http/1.1")
    sock = connect(server.address)
    with context.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as client:
        client.sendall(f"GET /?id=1&do={steps} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        try:
            while piece := client.recv(65536):
                answer += piece
        except ssl.SSLEOFError:
            return answer.partition(b"\r\n\r\n")[2], False
        return answer.partition(b"\r\n\r\n")[2], True


@pytest.mark.parametrize("steps", ["p100.w50.P60000", "p60000.P100"])
def test_a_whole_one(server: Server, authority: Authority, steps: str) -> None:
    assert read(server, authority, steps) == (body_of(1, 0, SIZE), True)


@pytest.mark.parametrize("end", ["x", "q", "w50.x", "w50.q", "w9000", "e_x"])
def test_one_that_breaks_off(server: Server, authority: Authority, end: str) -> None:
    """Its app raises, returns, is cancelled by harakiri, or does not let itself be cancelled."""
    assert read(server, authority, f"p100.w50.p60000.{end}") == (body_of(1, 0, SIZE), False)
