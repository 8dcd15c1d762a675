"""uWSGI's traps, and the way around each, as docs/traps.md has them; those of the ini's syntax are in the corpus."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.front import Address
from support.http1 import Http1
from support.ini import APPS, CHECKOUT
from support.nginx import NGINX, nginx
from support.routers import new_address, router
from support.uwsgi import Server, Servers
from websockets.sync.client import connect

DEPLOY = CHECKOUT / "deploy"
BUFFER_SIZE = re.compile(r"^buffer-size = (\d+)$", re.MULTILINE)

# The inis that an operator copies, with the line that a front needs.
SHIPPED = [CHECKOUT / "trio_worker/starter.ini", CHECKOUT / "uwsgi.ini", *sorted(DEPLOY.rglob("*.ini"))]

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def test_a_mule_crashes_again_and_again_with_the_fork_hooks(uwsgi: Servers) -> None:
    """When this fails, uWSGI has mended it: `check` and the page can let mules be."""
    server = uwsgi(mule=True)
    server.wait_log("OOOPS mule 1 .* crippled", count=2)
    with Http1(server.address) as client:
        assert client.get().text == "hello"


def test_a_mule_lives_with_the_fork_hooks_and_the_plugin(uwsgi: Servers, plugin: Path) -> None:
    server = uwsgi(mule=APPS / "slow_mule.py", module="api_user:app", plugin=plugin)
    with Http1(server.address) as client:
        assert client.get("/mule?count=1").text == "sent"
    server.wait_log("^mule got message 0")
    assert server.count("crippled") == 0


def test_a_daemon_in_the_place_of_a_mule_lives_with_the_fork_hooks(uwsgi: Servers) -> None:
    daemon = f"{sys.executable} -c \"import time; print('it works', flush=True); time.sleep(60)\""
    server = uwsgi(attach_daemon=daemon)
    server.wait_log("^it works")
    assert server.count("crippled|DAMN") == 0


def asked(address: Address, cookie: str) -> int:
    with Http1(address) as client:
        return client.get("/scope", cookie=cookie).status


@needs_nginx
def test_a_large_cookie_behind_uwsgi_pass_needs_buffer_size(uwsgi: Servers, tmp_path: Path) -> None:
    size = BUFFER_SIZE.findall((DEPLOY / "systemd/app.ini").read_text())[0]
    for number, (options, status) in enumerate([({}, 502), ({"buffer_size": size}, 200)]):
        server = uwsgi(module="mirror:app", **options)
        with nginx(tmp_path / str(number), "uwsgi_pass.conf", f"unix:{server.unix_path}") as address:
            assert asked(address, "a=" + "x" * 2000) == 200
            assert asked(address, "a=" + "x" * 6000) == status


@pytest.mark.parametrize("ini", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_inis_raise_buffer_size(ini: Path) -> None:
    has_app = "\nmodule = " in ini.read_text()
    assert bool(BUFFER_SIZE.findall(ini.read_text())) is has_app


@pytest.fixture(scope="module")
def mirror(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="mirror:app", trio_proxy_allow="unix")


@pytest.fixture
def plain_nginx(mirror: Server, tmp_path: Path) -> Iterator[Address]:
    """An nginx with its own uwsgi_params alone."""
    with nginx(
        tmp_path / "plain", "uwsgi_pass.conf", f"unix:{mirror.unix_path}", {"uwsgi_param SERVER_NAME $host;": ""}
    ) as address:
        yield address


def server_of(address: Address) -> list[object]:
    with Http1(address) as client:
        scope = json.loads(client.get("/scope").text)
        assert ["host", "test"] in scope["headers"]
        server: list[object] = scope["server"]
        return server


@needs_nginx
def test_the_server_behind_uwsgi_pass_is_that_of_the_block_until_nginx_names_the_host(
    mirror: Server, plain_nginx: Address, tmp_path: Path
) -> None:
    assert server_of(plain_nginx)[0] != "test"
    with nginx(tmp_path / "n", "uwsgi_pass.conf", f"unix:{mirror.unix_path}") as address:
        assert server_of(address) == ["test", address[1]]


@needs_nginx
def test_the_server_behind_proxy_pass_is_the_workers_socket(mirror: Server, tmp_path: Path) -> None:
    with nginx(tmp_path / "n", "proxy_pass.conf", f"unix:{mirror.unix_path}") as address:
        assert server_of(address) == [str(mirror.unix_path), None]


@pytest.mark.parametrize("options", [{}, {"http_websockets": True}], ids=["without", "with"])
def test_a_websocket_behind_the_http_router_needs_its_option(
    mirror: Server, tmp_path: Path, options: dict[str, Any]
) -> None:
    address = new_address()
    options = options | {"http": f"{address[0]}:{address[1]}", "http_to": str(mirror.unix_path)}
    with (
        router(tmp_path / "r", address, **options),
        connect(f"ws://{address[0]}:{address[1]}/echo", proxy=None, close_timeout=1) as client,
    ):
        client.send("through it")
        if "http_websockets" in options:
            assert client.recv() == "through it"
        else:
            with pytest.raises(TimeoutError):
                client.recv(timeout=2)


@pytest.mark.parametrize("lazy", [None, True], ids=["without lazy-apps", "with lazy-apps"])
def test_a_chain_reload_takes_up_new_code_with_lazy_apps_only(
    uwsgi: Servers, tmp_path: Path, lazy: bool | None
) -> None:
    (tmp_path / "changing.py").write_text("from kinds import plain as app\n")
    server = uwsgi(module="changing:app", pythonpath=[CHECKOUT, APPS, tmp_path], lazy_apps=lazy)
    (tmp_path / "changing.py").write_text("from probe import app\n")
    server.reload("c")
    with Http1(server.address) as client:
        assert client.get("/").text == ("hello" if lazy else "plain")
