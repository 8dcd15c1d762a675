"""The live state of all workers, asked of one: requests and their task trees, what has gone wrong, and what acts."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

import pytest
from support.figures import samples, scrape, with_status
from support.http1 import Http1
from support.status import BEARER, TOKEN, ask, client, running, state, tasks
from support.uwsgi import Server, Servers
from support.waiting import eventually

from trio_worker.status.client import find


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(
        processes=2, module="nurseries:app", trio_status_token=TOKEN, trio_max_connections=4, **with_status()
    )


@pytest.fixture(scope="module")
def read_only(module_uwsgi: Servers) -> Server:
    return module_uwsgi(**with_status(trio_status_hosts="status.example.com"))


def children(tree: Any) -> list[Any]:
    return [child for each in tree["inside"] if each["kind"] == "nursery" for child in each["tasks"]]


def test_a_running_request_is_listed_with_where_it_waits(server: Server) -> None:
    with client(server, "/nursery/one"):
        request = running(server, "/nursery/one")
        assert request["route"] == "/nursery/<name>"
        assert request["protocol"] == "http/1.1"
        assert request["client"].startswith("127.0.0.1:")
        assert request["waits_at"]["function"] == "nursery"
        assert request["waits_at"]["code"] == "await trio.sleep_forever()"


def test_its_tree_has_nurseries_tasks_and_deadlines_that_fall(server: Server) -> None:
    with client(server, "/nursery/two"):
        request = running(server, "/nursery/two")["id"]
        tree = tasks(server, request)
        (child,) = children(tree)
        assert child["name"] == "nurseries.fetch"
        assert child["waits_at"]["function"] == "fetch"
        (scope,) = [each for each in child["inside"] if each["kind"] == "scope"]
        assert 0 < scope["left"] < 120
        (own,) = [each for each in tree["inside"] if each["kind"] == "scope" and each["left"] is not None]
        assert 0 < own["left"] < 90
        eventually(lambda: children(tasks(server, request))[0]["inside"][0]["left"] < scope["left"] - 0.1)


def test_every_worker_tells_of_all(server: Server) -> None:
    with client(server, "/nursery/three"):
        running(server, "/nursery/three")
        for _ in range(10):
            assert [each["path"] for each in state(server)["requests"]].count("/nursery/three") == 1


def test_the_tasks_of_a_whole_worker_are_shown(server: Server) -> None:
    for worker in "12":
        code, _, body = ask(server, f"/tasks?worker={worker}")
        assert code == 200
        assert b"trio_worker.status.agent.Agent.run" in body
    assert ask(server, "/tasks?worker=3")[0] == 404


def test_errors_slow_requests_and_cancellations_are_remembered(server: Server) -> None:
    with Http1(server.address) as asking:
        assert asking.get("/bad").status == 500
    with Http1(server.address) as asking:
        assert asking.get("/late").status == 200
    with client(server, "/nursery/gone"):
        running(server, "/nursery/gone")
    eventually(lambda: "/nursery/gone" in [each["path"] for each in state(server)["cancelled"]])
    found = state(server)
    (gone,) = [each for each in found["cancelled"] if each["path"] == "/nursery/gone"]
    assert gone["cause"] == "client"
    assert ("/bad", "ValueError: bad <b>luck</b>") in [(each["path"], each["error"]) for each in found["errors"]]
    (late,) = [each for each in found["slow"] if each["path"] == "/late"]
    assert late["micros"] > 1_000_000


def test_an_exception_is_told(read_only: Server) -> None:
    with Http1(read_only.address) as asking:
        assert asking.get("/raise").status == 500
    assert [each["error"] for each in state(read_only)["errors"]] == ["ValueError: raised on request"]


def test_a_request_is_cancelled_with_the_token(server: Server) -> None:
    with client(server, "/nursery/cancelled") as waiting:
        request = running(server, "/nursery/cancelled")["id"]
        assert ask(server, f"/cancel?request={request}", BEARER, "POST")[0] == 200
        answer = waiting.response()
        assert answer.status == 503
        assert answer.text == "The request was cancelled by an operator.\n"
    (entry,) = [each for each in state(server)["cancelled"] if each["path"] == "/nursery/cancelled"]
    assert entry["cause"] == "operator"
    assert ask(server, f"/cancel?request={request}", BEARER, "POST")[0] == 404


def test_nothing_acts_without_the_token_or_with_a_wrong_one(server: Server) -> None:
    with client(server, "/nursery/kept"):
        request = running(server, "/nursery/kept")["id"]
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
            for path in (f"/cancel?request={request}", "/drain?worker=1", "/reload"):
                assert ask(server, path, headers, "POST")[0] == 401
        assert ask(server, f"/cancel?request={request}", BEARER)[0] == 405
        assert ask(server, "/token", BEARER)[0] == 204
        assert running(server, "/nursery/kept")["cancelled"] is False


def test_without_a_token_in_the_ini_nothing_that_acts_exists(read_only: Server) -> None:
    for path in ("/cancel?request=1-1", "/drain?worker=1", "/reload"):
        assert ask(read_only, path, BEARER, "POST")[0] == 404
    for given in (BEARER, {"authorization": "Bearer "}):
        assert ask(read_only, "/token", given)[0] == 404


def test_a_worker_is_drained_and_replaced(server: Server) -> None:
    before = {each["id"]: each["pid"] for each in state(server)["workers"]}
    assert ask(server, "/drain?worker=2", BEARER, "POST")[0] == 200

    def replaced() -> bool:
        server.nudge()
        pids = {each["id"]: each["pid"] for each in state(server)["workers"] if each["state"] == "accepting"}
        return bool(pids.get(1) == before[1] and pids.get(2, before[2]) != before[2])

    eventually(replaced, 20)


def test_a_blocked_worker_is_shown_as_not_answering(server: Server) -> None:
    with client(server, "/block/3.0") as waiting:
        server.wait_log("the loop is blocked")
        began = time.monotonic()
        assert sorted(each["state"] for each in state(server)["workers"]) == ["accepting", "not answering"]
        assert time.monotonic() - began < 2
        assert waiting.response().status == 200
    assert [each["state"] for each in state(server)["workers"]] == ["accepting", "accepting"]


def test_a_worker_whose_app_is_being_loaded_is_shown_as_starting(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, module="slow_start:app", lazy_apps=True, **with_status())
    server.wait_accepting(2)
    server.signal(signal.SIGKILL, server.worker_pids()[0])
    eventually(lambda: sorted(each["state"] for each in state(server)["workers"]) == ["accepting", "starting"], 10)
    eventually(lambda: {each["state"] for each in state(server)["workers"]} == {"accepting"}, 20)


def test_workers_that_cheaper_has_not_started_have_their_numbers(uwsgi: Servers) -> None:
    server = uwsgi(processes=3, cheaper=1, cheaper_initial=1, ready=False, **with_status())
    server.wait_accepting(1)
    found = state(server)["workers"]
    assert [each["id"] for each in found] == [1, 2, 3]
    assert [each["state"] for each in found] == ["accepting", "cheap", "cheap"]
    assert [each["respawns"] for each in found] == [0, 0, 0]
    told = samples(scrape(server), "uwsgi_worker_respawns_total")
    assert [(each.labels["worker"], each.value) for each in told] == [("1", 0), ("2", 0), ("3", 0)]


def test_a_worker_that_has_ended_and_is_not_replaced_yet_is_no_cheap_one(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, worker_reload_mercy=20, **with_status())
    with client(server, "/sleep?seconds=4"):
        running(server, "/sleep")
        server.signal(signal.SIGHUP)
        # By the command, which asks again where the worker that it has asked was the one that ended.
        place = find(str(server.ini))
        eventually(lambda: sorted(each["state"] for each in place.ask("/state")["workers"]) == ["draining", "ended"])


# Asks a worker by its abstract socket, as another user where it has a second argument, and prints what it is told.
ASKING = """
import os, socket, sys
if sys.argv[2:]:
    os.setgid(65534)
    os.setuid(65534)
with socket.socket(socket.AF_UNIX) as asking:
    asking.settimeout(10)
    if asking.connect_ex(b"\\0" + sys.argv[1].encode()):
        sys.exit()
    try:
        asking.sendall(b'{"ask": "state"}\\n')
        print(asking.recv(65536).decode())
    except (BrokenPipeError, ConnectionResetError):  # The worker may have closed before or behind the question.
        print()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_workers_tell_their_own_user_alone(server: Server) -> None:
    name = f"trio-worker/status/{server.master_pid}/{server.worker_pids()[0]}"

    def told(*more: str) -> str:
        command = [sys.executable, "-c", ASKING, name, *more]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=20, check=True).stdout.strip()

    eventually(lambda: '"requests"' in told())  # A worker that accepts already may not listen to others yet.
    assert told("as nobody") == ""
    server.wait_log("of user 65534 may not ask this worker for its state")


def test_it_answers_where_the_app_has_as_many_connections_as_it_may(server: Server) -> None:
    held = [Http1(server.address) for _ in range(12)]
    try:
        assert ask(server, "/state")[0] == 200
    finally:
        for each in held:
            each.close()


def watch(server: Server) -> Http1:
    """A page that is open, or wants to be."""
    host, _, port = str(server.options["trio-status"]).rpartition(":")
    watching = Http1((host, int(port)))
    watching.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return watching


def test_events_come_once_a_second(server: Server) -> None:
    with watch(server) as watching:
        assert watching.head().headers["content-type"] == "text/event-stream"
        for _ in range(3):
            event = watching.chunk()
            assert event.startswith(b"data: ")
            assert [each["id"] for each in json.loads(event[6:])["workers"]] == [1, 2]


def test_pages_that_are_open_leave_room_for_whoever_asks_once(read_only: Server) -> None:
    with ExitStack() as opened:
        heads = [opened.enter_context(watch(read_only)).head().status for _ in range(50)]
        assert (heads.count(200), heads.count(503)) == (32, 18)
        for path in ("/metrics", "/state"):
            assert ask(read_only, path)[0] == 200

    def is_open() -> bool:
        with watch(read_only) as watching:
            return bool(watching.head().status == 200)

    eventually(is_open)


def test_a_page_that_is_open_in_a_reload_is_no_error_in_the_log(uwsgi: Servers) -> None:
    server = uwsgi(**with_status())
    with watch(server) as watching:
        assert watching.head().status == 200
        watching.chunk()
        server.reload("r")
        watching.rest()
    assert not server.count("ERROR")


@pytest.mark.parametrize("path", ["/", "/style.css", "/page.js", "/state", "/metrics"])
def test_every_answer_lets_the_page_load_nothing_from_elsewhere(server: Server, path: str) -> None:
    code, headers, _ = ask(server, path)
    assert code == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:9", "status.example.com", "STATUS.example.com:80"])
def test_names_that_nobody_else_can_have_are_served(read_only: Server, host: str) -> None:
    assert ask(read_only, "/", {"host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "127.0.0.1.evil.example:80"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_what_another_site_sends_is_refused(read_only: Server, headers: dict[str, str]) -> None:
    assert ask(read_only, "/state", headers)[0] == 403


def test_a_link_from_another_site_may_lead_here_and_act_nothing(server: Server) -> None:
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(server, "/", foreign)[0] == 200
    assert ask(server, "/reload", foreign | BEARER, "POST")[0] == 403
