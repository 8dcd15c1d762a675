"""Requests with another one hidden in them: alone, and through fronts that keep their connections to the worker.

Whatever a front and the worker make of such a request, the hidden one reaches no app, and who asks next over the same
front gets his own answer.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.http1 import Http1, connect
from support.nginx import NGINX, nginx
from support.routers import new_address, router
from support.uwsgi import Server, Servers

pytestmark = pytest.mark.long

Address = tuple[str, int]

# How long the answer to such a request is waited for; and how many ask next.
PATIENCE, NEXT = 0.3, 4

HIDDEN = "GET /scope/hidden HTTP/1.1\r\nHost: t\r\n\r\n"
LAST = "0\r\n\r\n"


def post(*lines: str, body: str, start: str = "POST /scope/seen HTTP/1.1") -> bytes:
    return ("\r\n".join([start, "Host: t", *lines, "", ""]) + body).encode("latin-1")


def length(body: str) -> str:
    return f"Content-Length: {len(body)}"


CHUNKED = "Transfer-Encoding: chunked"
BEHIND = LAST + HIDDEN
WITHIN = f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n{LAST}"

# Ways to write a Transfer-Encoding that one of two parsers may not take for one.
CODINGS = {
    "unknown": "Transfer-Encoding: xchunked",
    "blank before the colon": "Transfer-Encoding : chunked",
    "tab": "Transfer-Encoding:\tchunked",
    "vertical tab": "Transfer-Encoding: \x0bchunked",
    "quoted": 'Transfer-Encoding: "chunked"',
    "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "identity": "Transfer-Encoding: identity, chunked",
    "folded": "Transfer-Encoding:\r\n chunked",
    "behind a line feed": "X: x\nTransfer-Encoding: chunked",
    "behind a carriage return": "X: x\rTransfer-Encoding: chunked",
    "with a NUL": "Transfer-Encoding: chunked\x00",
    "with an underscore": "Transfer_Encoding: chunked",
    "behind a blank": " Transfer-Encoding: chunked",
    "name in two lines": "Transfer-Encoding\r\n : chunked",
}

# Ways to write a Content-Length of 0 beside the real one.
LENGTHS = {
    "two": "Content-Length: 0",
    "with a sign": "Content-Length: +0",
    "hexadecimal": "Content-Length: 0x0",
    "blank before the colon": "Content-Length : 0",
    "with an underscore": "Content_Length: 0",
    "folded": "Content-Length:\r\n 0",
    "a list": "Content-Length: 0, 0",
    "negative": "Content-Length: -1",
}

PAIRS = {
    "length before chunks": post(length(BEHIND), CHUNKED, body=BEHIND),
    "chunks before length": post(CHUNKED, "Content-Length: 4", body=WITHIN),
    **{f"Transfer-Encoding, {name}": post(length(BEHIND), line, body=BEHIND) for name, line in CODINGS.items()},
    **{f"Content-Length, {name}": post(line, length(HIDDEN), body=HIDDEN) for name, line in LENGTHS.items()},
    **{f"Content-Length behind, {name}": post(length(HIDDEN), line, body=HIDDEN) for name, line in LENGTHS.items()},
    "body of a GET": post(length(HIDDEN), body=HIDDEN, start="GET /scope/seen HTTP/1.1"),
    "body of a HEAD": post(length(HIDDEN), body=HIDDEN, start="HEAD /scope/seen HTTP/1.1"),
    "body that nobody reads": post(length(HIDDEN), body=HIDDEN),
    "chunk that nobody reads": post(CHUNKED, body=WITHIN),
    "length that a hop removes": post("Connection: Content-Length", length(HIDDEN), body=HIDDEN),
    "chunks that a hop removes": post("Connection: Transfer-Encoding", CHUNKED, body=WITHIN),
    "chunks in HTTP/1.0": post(length(BEHIND), CHUNKED, body=BEHIND, start="POST /scope/seen HTTP/1.0"),
    "expected": post("Expect: 100-continue", length(HIDDEN), body=HIDDEN),
    "expected oddly": post("Expect: y 100-continue", length(HIDDEN), body=HIDDEN),
    "h2c": post("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: ", length(HIDDEN), body=HIDDEN),
    "chunk extension with a line feed": post(CHUNKED, body=f"2;\nxx\r\n{len(HIDDEN):x}\r\n{HIDDEN}\r\n{LAST}"),
    "chunk size with 0x": post(CHUNKED, body=f"0x{WITHIN}"),
    "chunk size with zeros and a line feed": post(CHUNKED, body=f"{len(HIDDEN):x}\n{HIDDEN}\r\n{LAST}"),
    "chunk size beyond 64 bits": post(CHUNKED, body=f"10000000000000000\r\n{HIDDEN}"),
    "chunk that is longer than it says": post(CHUNKED, body=f"1\r\nx{HIDDEN}\r\n{LAST}"),
    "space in the target": post(length(HIDDEN), body=HIDDEN, start="POST /scope/seen HTTP/1.1 HTTP/1.1"),
}


def alone(server: Server) -> Iterator[Address]:
    yield server.address


def by_nginx(site: str, server: Server, factory: pytest.TempPathFactory) -> Iterator[Address]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    with nginx(factory.mktemp("n") / "nginx", site, f"unix:{server.unix_path}") as address:
        yield address


def by_router(server: Server, factory: pytest.TempPathFactory) -> Iterator[Address]:
    address = new_address()
    with router(
        factory.mktemp("f") / "r",
        address,
        http=f"{address[0]}:{address[1]}",
        http_to=server.unix_path,
        http_keepalive=30,
        http_auto_chunked=True,
        http_chunked_input=True,
    ):
        yield address


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", trio_proxy_allow="unix")


@pytest.fixture(scope="module", params=["alone", "proxy_pass.conf", "uwsgi_pass.conf", "http router"])
def address(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    if request.param == "alone":
        yield from alone(server)
    elif request.param == "http router":
        yield from by_router(server, tmp_path_factory)
    else:
        yield from by_nginx(request.param, server, tmp_path_factory)


def answered(address: Address, data: bytes) -> bytes:
    """What comes back for it, for as long as something comes."""
    answer = b""
    with connect(address) as client:
        client.sendall(data)
        client.settimeout(PATIENCE)
        with suppress(TimeoutError, ConnectionError):
            while more := client.recv(65536):
                answer += more
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
    return answer


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_hidden_stays_hidden(address: Address, name: str) -> None:
    assert b"/scope/hidden" not in answered(address, PAIRS[name])
    for number in range(NEXT):
        with Http1(address) as other:
            other.request(f"/scope/other-{number}")
            assert json.loads(other.response().body)["path"] == f"/scope/other-{number}"


def test_the_app_has_seen_none_of_them(server: Server, address: Address) -> None:
    assert server.count("POST /scope/seen")
    assert not server.count("/scope/hidden")
