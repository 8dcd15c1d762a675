"""Answers and sessions through nginx and uWSGI's http router: nothing is lost, doubled or out of order."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from support.bodies import SCRIPTED
from support.certificates import Authority
from support.delivery_cases import FRONT_KINDS, Way, draw, faults_of
from support.nginx import NGINX, nginx
from support.routers import Address, new_address, router
from support.uwsgi import Server, Servers

SEED = os.environ.get("TRIO_TEST_SEED", "1")

# The router answers one request after the other: it takes what is pipelined behind one for its body.
ROUTER_KINDS = [each for each in FRONT_KINDS if "pipelined" not in each]


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(**SCRIPTED)


@contextmanager
def http_router(directory: Path, upstream: str) -> Iterator[Address]:
    address = new_address()
    listens = f"{address[0]}:{address[1]}"
    # Not http-keepalive: with it the router keeps a connection whose client has asked for its close.
    with router(directory, address, http=listens, http_to=upstream, http_websockets=True, http_timeout=60):
        yield address


Front = Callable[[Path, str], AbstractContextManager[Address]]


def site(name: str) -> Front:
    return lambda directory, upstream: nginx(directory, name, f"unix:{upstream}")


@pytest.mark.parametrize("count", [pytest.param(60, id="some"), pytest.param(1500, id="many", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("front", "kinds", "hides_cuts"),
    [
        pytest.param(site("proxy_pass.conf"), FRONT_KINDS, False, id="proxy_pass"),
        pytest.param(site("uwsgi_pass.conf"), FRONT_KINDS, True, id="uwsgi_pass"),
        pytest.param(http_router, ROUTER_KINDS, True, id="router"),
    ],
)
def test_what_was_sent_arrives(
    server: Server, authority: Authority, tmp_path: Path, front: Front, kinds: list[str], hides_cuts: bool, count: int
) -> None:
    if front is not http_router and NGINX is None:
        pytest.skip("nginx is not installed")
    with front(tmp_path / "f", str(server.unix_path)) as address:
        (server.directory / "told").unlink(missing_ok=True)
        cases = draw(SEED, count, kinds, Way(address, hides_cuts))
        faults = faults_of(cases, server, authority)
    assert faults == [], "\n".join(faults)
