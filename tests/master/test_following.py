"""Requests that can be followed: an id for each, the client's trace, JSON lines, why and how long one has waited."""

import json
import re
import time
from typing import Any

import pytest
from support.http1 import Http1, connect
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"

# What would end a string of JSON, a line, or what a terminal takes for text.
HOSTILE = 'x","level":"CRITICAL","y":"\\u0000 \x85\u2028'

FORMAT = "LINE %(uri) id=%(request_id) trace=%(trace_id)/%(span_id) %(protocol) cause=%(cause) front=%(front)"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(trio_request_id="X-Request-ID", log_format=FORMAT, harakiri=1)


def line(server: Server, path: str) -> str:
    return server.wait_log(rf"^LINE {re.escape(path)} .*")


def test_an_id_is_passed_on_to_app_log_and_client(server: Server) -> None:
    with Http1(server.address) as client:
        answer = client.get("/headers?given", X_Request_ID="abc-1.2")
    assert answer.headers["x-request-id"] == "abc-1.2"
    assert ["x-request-id", "abc-1.2"] in json.loads(answer.text)["headers"]
    assert json.loads(answer.text)["state"] == "abc-1.2"
    assert "id=abc-1.2 " in line(server, "/headers?given")


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'quote"'], ids=["none", "words", "long", "quote"])
def test_an_id_that_is_no_word_is_replaced(server: Server, given: str) -> None:
    with Http1(server.address) as client:
        answer = client.get("/headers", **({"X_Request_ID": given} if given else {}))
    made = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert [value for name, value in json.loads(answer.text)["headers"] if name == "x-request-id"] == [made]
    server.wait_log(rf"id={made} ")


def test_an_answer_in_the_apps_place_has_the_id_too(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/raise", X_Request_ID="raised").headers["x-request-id"] == "raised"
    with Http1(server.address) as client:
        answer = client.get("/sleep?seconds=30", X_Request_ID="slept")
    assert (answer.status, answer.headers["x-request-id"]) == (504, "slept")
    assert "id=raised " in (found := line(server, "/raise"))
    assert "cause=app" in found
    assert "id=slept " in (found := line(server, "/sleep?seconds=30"))
    assert "cause=harakiri" in found


def test_a_websocket_has_an_id(server: Server) -> None:
    given = {"X-Request-ID": "session", "traceparent": TRACEPARENT}
    with connect_websocket("ws://test/ws", sock=connect(server.address), additional_headers=given) as client:
        assert client.response is not None
        assert client.response.headers["x-request-id"] == "session"
    assert f"id=session trace={TRACE}/{SPAN} websocket cause=- " in line(server, "/ws")


def test_a_client_that_goes_is_the_cause(server: Server) -> None:
    with Http1(server.address) as client:
        client.request("/sleep?seconds=20")
        server.wait_log("sleeping")
    assert " http/1.1 cause=client " in line(server, "/sleep?seconds=20")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (TRACEPARENT, f"{TRACE}/{SPAN}"),
        (f"cc-{TRACE}-{SPAN}-01-later", f"{TRACE}/{SPAN}"),
        (f"00-{TRACE}-{SPAN}-01-later", "-/-"),
        (f"ff-{TRACE}-{SPAN}-01", "-/-"),
        (f"00-{'0' * 32}-{SPAN}-01", "-/-"),
        (f"00-{TRACE}-{'0' * 16}-01", "-/-"),
        (f"00-{TRACE.upper()}-{SPAN}-01", "-/-"),
    ],
)
def test_the_trace_of_the_client(server: Server, given: str, shown: str) -> None:
    path = f"/?{abs(hash(given))}"
    with Http1(server.address) as client:
        client.get(path, traceparent=given)
    assert f" trace={shown} " in line(server, path)


@pytest.mark.parametrize("form", ["t={0:.3f}", "{1:.0f}", "t={2:.0f}"], ids=["nginx", "heroku", "apache"])
def test_the_time_since_the_front(server: Server, form: str) -> None:
    began = time.time() - 2
    path = f"/?{form[:2]}{len(form)}"
    with Http1(server.address) as client:
        client.get(path, X_Request_Start=form.format(began, began * 1000, began * 1_000_000))
    assert 1_900_000 < int(line(server, path).rpartition("front=")[2]) < 10_000_000


def test_the_time_in_the_queue_and_a_request_that_is_shed(uwsgi: Servers) -> None:
    shown = "LINE %(uri) %(status) cause=%(cause) queue=%(queue)"
    server = uwsgi(log_format=shown, trio_max_requests_in_flight=1, trio_queue_timeout=1)
    with Http1(server.address) as running, Http1(server.address) as first, Http1(server.address) as second:
        running.request("/sleep?seconds=0.7")
        server.wait_log("sleeping")
        first.request("/sleep?seconds=1.5")
        assert running.response().status == 200
        server.wait_log("sleeping", 2)
        second.request("/shed")
        assert second.response().status == 503
        assert first.response().status == 200
    assert int(server.wait_log(r"^LINE /sleep\?seconds=1\.5 200 cause=- queue=\d+").rpartition("=")[2]) > 300_000
    assert int(server.wait_log(r"^LINE /shed 503 cause=shed queue=\d+").rpartition("=")[2]) >= 1_000_000


def objects(server: Server, logger: str, count: int = 1) -> list[dict[str, Any]]:
    """The lines that a logger has written, when there are so many."""

    def look() -> list[dict[str, Any]] | None:
        found = [json.loads(each) for each in server.log.splitlines() if f'"logger":"{logger}"' in each]
        return found if len(found) >= count else None

    return eventually(look, why=lambda: server.log)


def test_requests_and_records_in_json(uwsgi: Servers) -> None:
    server = uwsgi(trio_log_json=True, trio_request_id="x-request-id")
    with Http1(server.address) as client:
        client.get("/logs?" + "a" * 10, User_Agent=HOSTILE, traceparent=TRACEPARENT, X_Request_ID="one")
    (found,) = objects(server, "trio_worker.request")
    assert found["user_agent"].encode("latin-1").decode() == HOSTILE
    ours = {name: found[name] for name in ("level", "method", "uri", "protocol", "status", "worker", "client")}
    uri = "/logs?" + "a" * 10
    assert ours == {
        "level": "INFO",
        "method": "GET",
        "uri": uri,
        "protocol": "http/1.1",
        "status": 200,
        "worker": 1,
        "client": "127.0.0.1",
    }
    ids = {"request_id": "one", "trace_id": TRACE, "span_id": SPAN}
    assert found.items() >= ids.items()
    (told,) = objects(server, "probe")
    assert told.items() >= ids.items()
    assert told["message"] == 'two\nlines of "GET"'


def test_a_start_that_fails_says_so_in_json(uwsgi: Servers) -> None:
    server = uwsgi(trio_log_json=True, trio_drain_linger="soon", ready=False)
    server.wait_end()
    assert any("trio-drain-linger = soon" in each["message"] for each in objects(server, "trio_worker.worker"))


def test_a_traceback_in_json(uwsgi: Servers) -> None:
    server = uwsgi(trio_log_json=True)
    with Http1(server.address) as client:
        client.get("/raise")
    (found,) = objects(server, "trio_worker.application.fence")
    assert (found["level"], found["message"]) == ("ERROR", "exception in GET /raise")
    assert "ValueError: raised on request" in found["exception"]


def test_a_long_record_is_several_objects(uwsgi: Servers) -> None:
    server = uwsgi(trio_log_json=True, log_master=True)
    with Http1(server.address) as client:
        client.get("/logs?size=30000")
    text = "ü\n" * 10_000 + '"' * 30_000
    # The master writes them one by one.
    eventually(lambda: sum(len(each["message"]) for each in objects(server, "probe")) >= len(text))
    found = objects(server, "probe")
    assert [each["part"] for each in found] == list(range(1, len(found) + 1))
    assert "".join(each["message"] for each in found) == text


def test_a_log_format_that_is_no_json_is_the_message(uwsgi: Servers) -> None:
    server = uwsgi(trio_log_json=True, log_format='%(method) "%(uagent)"')
    with Http1(server.address) as client:
        client.get("/", User_Agent="a browser")
    assert objects(server, "trio_worker.request")[0]["message"] == 'GET "a browser"'
