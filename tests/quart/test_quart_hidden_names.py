"""With a name missing that the short way uses, an app is served by Quart-Trio's own way, and one line says so."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.http1 import Http1
from support.imports import PACKAGE
from support.uwsgi import Servers

OWN_WAY = r"its (requests|WebSockets) take (?:its|Quart-Trio's) own way"

# Without this one there is no app of Quart-Trio's.
APP = "quart_trio:QuartTrio"


def _imported(path: Path) -> Iterator[str]:
    """Yield what a file of the short way imports of Quart, Quart-Trio and Werkzeug, as `module:name`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(("quart", "werkzeug")):
            yield from (f"{node.module}:{alias.name}" for alias in node.names)


# Quart's own signal for others: without it the status knows less, and requests go the same way.
SIGNAL = "quart:got_request_exception"

# Quart's page for an exception, which is asked for in an app whose debug is on alone.
PAGE = "quart.debug:traceback_response"

# The files that import each name. What WebSockets alone need costs theirs, and requests keep the short way.
FILES = defaultdict[str, set[str]](set)
for path in (PACKAGE / "quart").glob("*.py"):
    for name in set(_imported(path)) - {APP, SIGNAL, PAGE}:
        FILES[name].add(path.stem)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_name_that_is_missing_costs_the_short_way_alone(uwsgi: Servers, name: str) -> None:
    server = uwsgi(module="hidden_names:app", environment={"HIDE": name}, processes=1)
    with Http1(server.address) as client:
        assert client.get("/").body == b"quart"
        assert client.post("/echo", b"12345").body == b"12345"
        assert client.get("/raise").status == 500
    lost = "WebSockets" if FILES[name] == {"websocket"} else "requests"
    assert re.findall(OWN_WAY, server.log) == [lost]
    assert server.count("ERROR .*quart_app") == 1


def test_with_every_name_there_nothing_is_said(uwsgi: Servers) -> None:
    server = uwsgi(module="hidden_names:app", environment={"HIDE": "quart.asgi:nothing"}, processes=1)
    with Http1(server.address) as client:
        assert client.get("/").body == b"quart"
    assert server.count(OWN_WAY) == 0
