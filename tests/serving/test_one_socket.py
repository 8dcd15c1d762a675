"""One ini, one socket, no other option but a certificate: every kind of client is served there at the same time."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.certificates import Authority, connect_tls
from support.http1 import connect
from support.ini import UWSGI
from support.nginx import NGINX, nginx
from support.packets import ask, packet, request
from support.routers import new_address, router
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

pytestmark = [
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

Address = tuple[str, int]


@dataclass(frozen=True)
class Place:
    """The server, and the fronts before its one socket."""

    server: Server
    authority: Authority
    socket: Address
    nginx: Address
    router: Address


@pytest.fixture(scope="module")
def place(module_uwsgi: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("o")
    authority = Authority(directory)
    certificate, key = authority.serve("server.test")
    address, http = new_address(), new_address()
    socket = f"{address[0]}:{address[1]}"
    server = module_uwsgi(
        module="mirror:app",
        socket=socket,
        trio_certfile=certificate,
        trio_keyfile=key,
        trio_clear_text=True,
        trio_h2c_upgrade=True,
    )
    with (
        nginx(directory / "n", "uwsgi_pass.conf", socket) as inner,
        router(directory / "r", http, http=f"{http[0]}:{http[1]}", http_to=socket),
    ):
        yield Place(server, authority, address, inner, http)


# What a client may say of itself, and who it is then said to be, if anybody believes it.
SPOOFED = [
    ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: spoofed.test"],
    ["Forwarded: for=198.51.100.1;proto=https;host=spoofed.test"],
    ["Remote-Addr: 198.51.100.1", "Https: on", "Uwsgi-Scheme: https", "Script-Name: /spoofed"],
]


def curl(address: Address, path: str, *arguments: str, scheme: str = "http") -> str:
    """The version of HTTP that was spoken, and the body."""
    url = f"{scheme}://{address[0]}:{address[1]}{path}"
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_version}", *arguments]
    done = subprocess.run([*command, url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    body, _, version = done.stdout.rpartition("\n")
    return f"{version} {body}"


def encrypted(place: Place, path: str, *arguments: str) -> str:
    return curl(place.socket, path, "--cacert", str(place.authority.file), *arguments, scheme="https")


def in_packet(place: Place, path: str, *arguments: str) -> str:
    """What a front makes of curl's arguments for headers."""
    headers = [each.split(": ") for each in arguments if each != "-H"]
    variables = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers}
    return "1.1 " + ask(place.socket, request(path, **variables)).text


# What asks for a path, by the name of the client: each answers with the version of HTTP and the body.
CLIENTS: dict[str, Callable[..., str]] = {
    "HTTP/1.1": lambda place, path, *more: curl(place.socket, path, *more),
    "HTTP/2": lambda place, path, *more: curl(place.socket, path, "--http2-prior-knowledge", *more),
    "h2c upgrade": lambda place, path, *more: curl(place.socket, path, "--http2", *more),
    "HTTPS, h2": encrypted,
    "HTTPS, HTTP/1.1": lambda place, path, *more: encrypted(place, path, "--http1.1", *more),
    "nginx": lambda place, path, *more: curl(place.nginx, path, *more),
    "http router": lambda place, path, *more: curl(place.router, path, *more),
    "packet": in_packet,
}
VERSIONS = dict.fromkeys(CLIENTS, "1.1") | dict.fromkeys(("HTTP/2", "h2c upgrade", "HTTPS, h2"), "2")


def check_pings(address: Address) -> None:
    name = f"{address[0]}:{address[1]}"
    assert subprocess.run([UWSGI, "--ping", name], capture_output=True, timeout=10).returncode == 0
    with connect(address) as sock:
        sock.sendall(packet(b"", modifier1=100))
        assert sock.makefile("rb").read() == packet(b"", modifier1=100, modifier2=1)


def test_every_client_at_the_same_time(place: Place) -> None:
    """None of them has its answer before all of them are served."""
    plain, tls = connect(place.socket), connect_tls(place.socket, place.authority.threads_context())
    with (
        connect_websocket("ws://test/ws", sock=plain) as session,
        connect_websocket("ws://test/ws", sock=tls) as secure,
        ThreadPoolExecutor(len(CLIENTS)) as pool,
    ):
        asked = {name: pool.submit(client, place, "/sleep?seconds=3") for name, client in CLIENTS.items()}
        place.server.wait_log("sleeping", len(CLIENTS))
        check_pings(place.socket)
        for each in (session, secure):
            each.send("a text")
            assert each.recv() == "a text"
        assert not any(each.done() for each in asked.values())
        answers = {name: each.result() for name, each in asked.items()}
    assert answers == {name: f"{version} slept" for name, version in VERSIONS.items()}


def test_the_ini_names_one_socket_and_a_certificate(place: Place) -> None:
    ini = Path(place.server.ini).read_text()
    assert ini.count("socket = ") == 1
    assert [line.split(" ")[0] for line in ini.splitlines() if line.startswith("trio-")] == [
        "trio-certfile",
        "trio-keyfile",
        "trio-clear-text",
        "trio-h2c-upgrade",
    ]


def check_told(client: str, told: Any) -> None:
    assert told["scheme"] == ("https" if "HTTPS" in client else "http")
    assert told["client"][0] == ("203.0.113.7" if client == "packet" else "127.0.0.1")
    assert told["root_path"] == ""
    assert ["host", "spoofed.test"] not in told["headers"]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_the_app_is_told(place: Place, client: str) -> None:
    version, _, body = CLIENTS[client](place, "/scope").partition(" ")
    assert version == VERSIONS[client]
    check_told(client, json.loads(body))


@pytest.mark.parametrize("headers", SPOOFED, ids=["X-Forwarded", "Forwarded", "CGI"])
@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_invents_is_without_effect(place: Place, client: str, headers: list[str]) -> None:
    arguments = [word for header in headers for word in ("-H", header)]
    told = json.loads(CLIENTS[client](place, "/scope", *arguments).partition(" ")[2])
    names = {name for name, _ in told["headers"]}
    assert names >= {header.partition(":")[0].lower() for header in headers}
    check_told(client, told)


@pytest.mark.parametrize("headers", SPOOFED[:2], ids=["X-Forwarded", "Forwarded"])
def test_what_a_websocket_client_invents_is_without_effect(place: Place, headers: list[str]) -> None:
    more = dict(header.split(": ") for header in headers)
    with connect_websocket("ws://test/scope", sock=connect(place.socket), additional_headers=more) as session:
        told = json.loads(session.recv())
    assert told["scheme"] == "ws"
    assert told["client"][0] == "127.0.0.1"


def test_a_proxy_line_is_no_protocol_here(place: Place) -> None:
    with pytest.raises(AssertionError, match="returned error"):
        curl(place.socket, "/", "--haproxy-protocol", "--fail")
