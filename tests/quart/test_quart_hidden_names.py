"""With a name missing that the short way uses, an app is served by Quart-Trio's own way, and one line says so."""

import ast
from collections.abc import Iterator

import pytest
from support.http1 import Http1
from support.imports import PACKAGE
from support.uwsgi import Servers

OWN_WAY = "its requests take Quart-Trio's own way"

# Without this one there is no app of Quart-Trio's.
APP = "quart_trio:QuartTrio"


def _imported() -> Iterator[str]:
    """Yield what the short way imports of Quart, Quart-Trio and Werkzeug, as `module:name`."""
    for path in (PACKAGE / "quart").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(("quart", "werkzeug")):
                yield from (f"{node.module}:{alias.name}" for alias in node.names)


# Quart's own signal for others: without it the status knows less, and requests go the same way.
SIGNAL = "quart:got_request_exception"

# Quart's page for an exception, which is asked for in an app whose debug is on alone.
PAGE = "quart.debug:traceback_response"

NAMES = sorted(set(_imported()) - {APP, SIGNAL, PAGE})


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_missing_costs_the_short_way_alone(uwsgi: Servers, name: str) -> None:
    server = uwsgi(module="hidden_names:app", environment={"HIDE": name}, processes=1)
    with Http1(server.address) as client:
        assert client.get("/").body == b"quart"
        assert client.post("/echo", b"12345").body == b"12345"
        assert client.get("/raise").status == 500
    assert server.count(OWN_WAY) == 1
    assert server.count("ERROR .*quart_app") == 1


def test_with_every_name_there_nothing_is_said(uwsgi: Servers) -> None:
    server = uwsgi(module="hidden_names:app", environment={"HIDE": "quart.asgi:nothing"}, processes=1)
    with Http1(server.address) as client:
        assert client.get("/").body == b"quart"
    assert server.count(OWN_WAY) == 0
