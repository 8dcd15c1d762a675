"""Behind nginx, with the configurations of deploy/nginx, over TCP and UNIX sockets."""

from collections.abc import Iterator

import pytest
from support import front
from support.front import Address
from support.http1 import Http1
from support.nginx import NGINX, nginx
from support.uwsgi import Server, Servers

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

SITES = ("uwsgi_pass.conf", "proxy_pass.conf")


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", processes=2, trio_proxy_allow="127.0.0.1, unix")


@pytest.fixture(scope="module", params=[(site, kind) for site in SITES for kind in ("tcp", "unix")], ids="-".join)
def address(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    site, kind = request.param
    upstream = f"unix:{server.unix_path}" if kind == "unix" else f"{server.address[0]}:{server.address[1]}"
    with nginx(tmp_path_factory.mktemp("n") / "nginx", site, upstream) as found:
        yield found


def test_plain_requests(address: Address) -> None:
    front.check_plain_requests(address)


@pytest.mark.parametrize("check", front.CHECKS)
def test_what_every_front_lets_through(address: Address, check: front.Check) -> None:
    check(address)


def test_what_a_client_invents_is_without_effect(address: Address) -> None:
    told = front.scope(
        address,
        source="127.0.0.2",  # The worker believes 127.0.0.1, which is where nginx itself comes from.
        X_Forwarded_For="203.0.113.7",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="spoofed.test",
        X_Forwarded_Port="4711",
        X_Forwarded_Prefix="/spoofed",
        Forwarded="for=203.0.113.7",
    )
    assert told["client"][0] == "127.0.0.2"
    assert told["scheme"] == "http"
    host = dict(map(tuple, told["headers"]))["host"]
    assert "spoofed.test" not in host
    assert "4711" not in host
    assert told["server"][1] != 4711
    assert (told["root_path"], told["path"]) == ("", "/scope")


def test_no_upgrade_but_to_websockets(address: Address, request: pytest.FixtureRequest) -> None:
    """HTTP/2 behind a front would be a tunnel past its rules. What a packet says of it is ignored."""
    told = front.scope(address, Upgrade="h2c", Connection="Upgrade, HTTP2-Settings", HTTP2_Settings="AAMAAABk")
    assert (told["type"], told["http_version"]) == ("http", "1.1")
    if request.node.callspec.params["address"][0] == "proxy_pass.conf":
        assert dict(map(tuple, told["headers"])).keys().isdisjoint({"upgrade", "connection"})


def test_a_client_that_hangs_up_cancels_its_request(address: Address, server: Server) -> None:
    before = server.count("sleep cancelled"), server.count("sleeping")
    with Http1(address) as client:
        client.request("/sleep?seconds=30")
        server.wait_log("sleeping", before[1] + 1)
    server.wait_log("sleep cancelled", before[0] + 1)


@pytest.mark.parametrize("command", ["r", "c"], ids=["reload", "chain reload"])
def test_reloads_under_load(address: Address, server: Server, command: str) -> None:
    front.check_reloads(address, lambda: server.reload(command))
