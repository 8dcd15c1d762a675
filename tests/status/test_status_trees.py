"""Task trees of requests: deep, of thousands of tasks, with tasks elsewhere, and of the streams of one connection."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.figures import with_status
from support.http2 import Http2
from support.status import ask, client, running, state, tasks
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(processes=2, module="nurseries:app", **with_status())


def nurseries(tree: Any) -> list[Any]:
    return [each for each in tree["inside"] if each["kind"] == "nursery"]


def children(tree: Any) -> list[Any]:
    return [child for each in nurseries(tree) for child in each["tasks"]]


def line(tree: Any) -> Iterator[Any]:
    """A tree without branches, from its root."""
    yield tree
    for child in children(tree):
        yield from line(child)


def shown(server: Server, path: str) -> Any:
    """A request with its trees."""
    return json.loads(ask(server, f"/tasks?request={running(server, path)['id']}")[2])


def test_a_hundred_tasks_within_tasks_are_shown_and_how_many_are_not(server: Server) -> None:
    before = server.worker_pids()
    with client(server, "/nested/200"):
        identity = running(server, "/nested/200")["id"]

        def last() -> Any:
            found = list(line(tasks(server, identity)))
            return found[-1] if len(found) == 100 else None

        # It opens a nursery in each turn of the loop.
        eventually(lambda: last() and nurseries(last())[0]["more"] == 1)
        assert nurseries(last())[0]["tasks"] == []
        for worker in "12":
            assert ask(server, f"/tasks?worker={worker}")[0] == 200
    assert server.worker_pids() == before


def test_three_hundred_of_thousands_of_tasks_are_shown_soon(server: Server) -> None:
    with client(server, "/many/20000"):
        identity = running(server, "/many/20000")["id"]
        began = time.monotonic()
        (nursery,) = nurseries(tasks(server, identity))
        assert time.monotonic() - began < 1
        assert len(nursery["tasks"]) == 299
        assert nursery["more"] == 20000 - 299
        assert {len(each["name"]) for each in nursery["tasks"]} == {200}


def test_the_innermost_of_thousands_of_cancel_scopes_are_shown(server: Server) -> None:
    with client(server, "/scopes/5000"):
        assert len(tasks(server, running(server, "/scopes/5000")["id"])["inside"]) == 40


def test_what_a_request_has_started_elsewhere_is_shown_beside_its_own_task(server: Server) -> None:
    with client(server, "/elsewhere"):
        found = shown(server, "/elsewhere")
        assert found["waits_at"]["code"].startswith("await trio.to_thread.run_sync(")
        assert found["tree"]["waits_at"] == found["waits_at"]
        back, background = sorted(found["elsewhere"], key=lambda each: str(each["name"]))
        assert back["name"] == "nurseries.from_thread"
        assert [each["name"] for each in children(back)] == ["nurseries.fetch"]
        assert background["name"].startswith("quart_trio.app.QuartTrio.add_background_task")
        assert background["waits_at"]["function"] == "fetch"
        (scope,) = background["inside"]
        assert 0 < scope["left"] < 60


def test_a_route_that_cannot_be_told_is_none(server: Server) -> None:
    with client(server, "/odd"):
        assert running(server, "/odd")["route"] == ""
        assert [each["state"] for each in state(server)["workers"]] == ["accepting", "accepting"]


def test_streams_of_one_connection_have_their_own_trees(server: Server) -> None:
    paths = [f"/nursery/{number}" for number in range(5)]
    with Http2(server.address).begin() as client:
        for path in paths:
            client.request(path)
        for path in paths:
            tree = tasks(server, running(server, path)["id"])
            assert [each["name"] for each in children(tree)] == ["nurseries.fetch"]
            (own,) = [each for each in tree["inside"] if each["kind"] == "scope" and each["left"] is not None]
            assert 0 < own["left"] < 90


def test_a_long_path_is_cut(server: Server) -> None:
    path = "/nursery/" + "a" * 7000
    with client(server, path):
        found = running(server, path[:500] + "…")
        assert len(found["waits_at"]["code"]) < 200
