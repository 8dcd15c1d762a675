"""Callables that are no ASGI app for Trio: WSGI apps are served in threads, and each mistake is told by its name."""

import subprocess
import sys

import pytest
from support.http1 import Http1
from support.ini import CHECKOUT
from support.uwsgi import Servers

MISTAKES = [
    ("kinds:for_asyncio", "'for_asyncio' of 'kinds:for_asyncio' is a Quart for asyncio; Trio runs QuartTrio"),
    ("kinds:create_app", "takes no arguments, so it is no app; a factory is named kinds:create_app()"),
    ("kinds:aplication", "perhaps 'application' is meant"),
]


def test_flask(uwsgi: Servers) -> None:
    server = uwsgi(module="kinds:flask_app")
    server.wait_log("'flask_app' of 'kinds:flask_app' is a WSGI app: each of its requests runs in a thread")
    with Http1(server.address) as client:
        assert client.get("/").text == "flask  0"
        assert client.post("/", b"x" * 200_000).text == "flask  200000"


def test_wsgi_beside_an_async_app(uwsgi: Servers) -> None:
    server = uwsgi(module="probe:app", lazy_apps=True, mount=["/old=kinds:flask_app", "/plain=kinds:plain"])
    with Http1(server.address) as client:
        assert client.get("/").text == "hello"
        assert client.get("/old/").text == "flask /old 0"
        assert client.get("/plain/x").text == "plain"


@pytest.mark.parametrize(("module", "reason"), MISTAKES)
def test_a_mistake_is_told(uwsgi: Servers, module: str, reason: str) -> None:
    server = uwsgi(module=module, lazy_apps=True, ready=False)
    server.wait_log(reason)


@pytest.mark.parametrize(("module", "reason"), MISTAKES)
def test_check_tells_it_as_well(uwsgi: Servers, module: str, reason: str) -> None:
    server = uwsgi(module="probe:app")
    server.ini.write_text(server.ini.read_text().replace("module = probe:app", f"module = {module}"))
    command = [sys.executable, "-m", "trio_worker", "check", "--app", str(server.ini)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert reason in done.stdout
