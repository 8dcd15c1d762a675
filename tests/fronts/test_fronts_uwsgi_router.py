"""Behind uWSGI's own routers: http, fastrouter with nginx before it, and rawrouter, over TCP and UNIX sockets."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import front
from support.front import Address
from support.http1 import Http1
from support.nginx import NGINX, nginx
from support.packets import ask, request
from support.routers import new_address, router
from support.uwsgi import Server, Servers

HTTP = {
    "http_keepalive": 30,
    "http_auto_chunked": True,
    "http_chunked_input": True,
    "http_websockets": True,
    "http_timeout": 60,
}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", processes=2)


def listens(address: Address) -> str:
    """As uWSGI writes it."""
    return f"{address[0]}:{address[1]}"


@contextmanager
def http_front(directory: Path, upstream: str) -> Iterator[Address]:
    address = new_address()
    with router(directory / "r", address, http=listens(address), http_to=upstream, **HTTP):
        yield address


@contextmanager
def fastrouter_front(directory: Path, upstream: str) -> Iterator[Address]:
    """nginx before it speaks uwsgi."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    inner = new_address()
    with (
        router(directory / "r", inner, fastrouter=listens(inner), fastrouter_to=upstream),
        nginx(directory / "n", "uwsgi_pass.conf", listens(inner)) as address,
    ):
        yield address


@contextmanager
def raw_front(directory: Path, upstream: str) -> Iterator[Address]:
    address = new_address()
    with router(directory / "r", address, rawrouter=listens(address), rawrouter_to=upstream):
        yield address


FRONTS = {"http": http_front, "fastrouter": fastrouter_front, "rawrouter": raw_front}


@pytest.fixture(scope="module", params=[(name, kind) for name in FRONTS for kind in ("tcp", "unix")], ids="-".join)
def address(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    name, kind = request.param
    upstream = listens(server.address) if kind == "tcp" else str(server.unix_path)
    with FRONTS[name](tmp_path_factory.mktemp("f"), upstream) as found:
        yield found


@pytest.fixture(scope="module")
def http_router(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with http_front(tmp_path_factory.mktemp("f"), str(server.unix_path)) as found:
        yield found


def test_plain_requests(address: Address, request: pytest.FixtureRequest) -> None:
    # The rawrouter passes bytes on, and a UNIX socket has no addresses.
    front.check_plain_requests(address, names_client="rawrouter-unix" not in request.node.name)


@pytest.mark.parametrize("check", front.CHECKS)
def test_what_every_front_lets_through(address: Address, check: front.Check) -> None:
    check(address)


@pytest.mark.parametrize("command", ["r", "c"], ids=["reload", "chain reload"])
def test_reloads_under_load(address: Address, server: Server, command: str) -> None:
    front.check_reloads(address, lambda: server.reload(command))


def test_the_http_router_keeps_its_clients_connections(http_router: Address) -> None:
    """Through answers with and without a length, and without a body."""
    client = http.client.HTTPConnection(*http_router, timeout=10)
    client.connect()
    local = client.sock.getsockname()
    for _ in range(3):
        for path, size in (("/", 5), ("/bytes?size=1000", 1000), ("/bytes?size=1000&length=1", 1000)):
            client.request("GET", path)
            assert len(client.getresponse().read()) == size
            assert client.sock is not None
            assert client.sock.getsockname() == local
    client.close()


def test_a_304_through_the_http_router_is_followed_by_nothing(http_router: Address) -> None:
    """`http-auto-chunked` would put a chunk there, where the client expects its next answer."""
    with Http1(http_router) as client:
        client.request("/nothing")
        assert client.rest().partition(b"\r\n\r\n")[2] == b""


def test_the_fastrouter_itself_with_packets(server: Server, tmp_path: Path) -> None:
    address = new_address()
    options = {"fastrouter": listens(address), "fastrouter_to": server.unix_path}
    with router(tmp_path / "r", address, **options):
        assert ask(address, request("/")).body == b"hello"


def test_a_client_that_hangs_up_cancels_its_request(http_router: Address, server: Server) -> None:
    """One of HTTP/1.0: the router does not look at a client whose connection it will keep until it has answered."""
    before = server.count("sleep cancelled"), server.count("sleeping")
    with Http1(http_router) as client:
        client.send(b"GET /sleep?seconds=30 HTTP/1.0\r\nHost: test\r\n\r\n")
        server.wait_log("sleeping", before[1] + 1)
    server.wait_log("sleep cancelled", before[0] + 1)
