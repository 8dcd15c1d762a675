"""Quart's own behaviour, case by case with `trio-quart-direct` and without: a shorter way must lead to the same place.

Every case goes to two servers, and all that can be seen of it must be equal: the response, whether the connection goes
on, what hooks, signals and handlers noted in which order, and what was logged. A case says its status as well, and one
test shows that the direct class is really in use, so that nothing is equal for having failed twice.
"""

import json
from typing import Any

import pytest
from quart_corpus import CASES
from support.http1 import Http1, connect
from support.quart import ANY, Outcome, post
from support.uwsgi import Server, Servers
from websockets.sync.client import connect as connect_websocket

MOUNTS = ("mounted", "hurried", "strict", "own", "split", "by_host", "by_name")


@pytest.fixture(scope="module")
def pair(module_uwsgi: Servers) -> tuple[Server, Server]:
    """Two servers, with the direct class and without."""
    mounts = [f"/{name}=quart_cases:{name}" for name in MOUNTS]
    options: dict[str, Any] = {"module": "quart_cases:app", "mount": mounts, "lazy_apps": True}
    options["environment"] = {"PYTHONHASHSEED": "0"}  # For the order of a set, as in `Allow`.
    servers = module_uwsgi(**options, trio_quart_direct="true"), module_uwsgi(**options, trio_quart_direct="false")
    for each in servers:
        each.wait_log("these options need the plugin")  # It comes when the first case may have begun.
    return servers


@pytest.mark.parametrize("name", CASES)
def test_case(pair: tuple[Server, Server], name: str) -> None:
    case = CASES[name]
    direct, stock = (Outcome(server, name, case).seen for server in pair)
    assert stock.get("status", 0) == case.status or case.status == ANY
    differs = {key: make(stock[key]) if callable(make) else make for key, make in case.differs.items()}
    assert direct == stock | differs


# Requests one after the other on one connection; cookies come back.
SEQUENCES = {
    "session": ["/session", "/session", "/session"],
    "g": ["/context", "/clean"],
    "an error first": ["/raise/value", "/nowhere", "/text"],
    "a stream first": ["/stream/5", "/bytes/70000", "/text", "/stream/0", "/text"],
}


def follow(server: Server, targets: list[str]) -> list[tuple[int, bytes]]:
    """The answers to requests on one connection."""
    answers, cookies = [], ""
    with Http1(server.address) as client:
        for target in targets:
            response = client.get(target, Cookie=cookies)
            answers.append((response.status, response.body))
            cookies = (response.headers["set-cookie"] or cookies).partition(";")[0]
    return answers


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(pair: tuple[Server, Server], name: str) -> None:
    direct, stock = (follow(server, SEQUENCES[name]) for server in pair)
    assert direct == stock


def test_pipelined(pair: tuple[Server, Server]) -> None:
    """Several requests in one write: they run one after the other without a wait in between."""
    targets = ("/text", "/session", "/stream/3", "/nowhere", "/bytes/70000", "/sync")
    answers = []
    for server in pair:
        with Http1(server.address) as client:
            client.send(b"".join(b"GET %b HTTP/1.1\r\nHost: t\r\n\r\n" % target.encode() for target in targets))
            answers.append([(response.status, response.body) for _ in targets if (response := client.response())])
    assert answers[0] == answers[1]


# A nursery gives each request a context of its own; the express lane would have to, whatever the app.
def test_context_variables_do_not_outlive_their_request(pair: tuple[Server, Server]) -> None:
    direct, stock = (follow(server, ["/variable", "/variable"]) for server in pair)
    assert direct == stock


def answer(server: Server, target: str) -> Any:
    with Http1(server.address) as client:
        return json.loads(client.get(target).body)


def test_the_direct_class_is_in_use(pair: tuple[Server, Server]) -> None:
    for prefix in ("", "/mounted", "/split"):
        direct, stock = (answer(server, f"{prefix}/task") for server in pair)
        assert (direct["class"], stock["class"]) == ("DirectHTTPConnection", "TrioASGIHTTPConnection")
        assert "handle_request" in stock["task"]
        assert "handle_request" not in direct["task"]


def test_a_class_of_the_apps_own_is_left_alone(pair: tuple[Server, Server]) -> None:
    direct, stock = (answer(server, "/own/task") for server in pair)
    assert direct == stock
    assert direct["class"] == "OwnConnection"
    assert "handle_request" in direct["task"]


@pytest.mark.parametrize("late", [True, False])
def test_a_body_on_its_way_takes_the_stock_way(pair: tuple[Server, Server], late: bool) -> None:
    body = [b"la", b"te"] if late else b"here"
    outcome = Outcome(pair[0], f"way of a body, {late}", post("/task", body))
    assert ("handle_request" in json.loads(outcome.seen["body"])["task"]) == late


def test_websocket(pair: tuple[Server, Server]) -> None:
    for server in pair:
        for prefix, name in {"": "main", "/mounted": "mounted"}.items():
            with connect_websocket(f"ws://test{prefix}/ws", sock=connect(server.address)) as client:
                client.send("a text")
                assert client.recv() == f"{name} 'a text'"
