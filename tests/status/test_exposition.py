"""`/metrics` of several workers: what a Prometheus reads is what the clients have counted."""

import os
import random
import re
import signal
import urllib.error
import urllib.request
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.figures import OPENMETRICS, samples, scrape, status_url, total, with_status
from support.http1 import Http1, connect
from support.load import Ask, Tally, hammer, run, work
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as connect_websocket

COUNT = "http_server_request_duration_seconds_count"
CLASS = "http_response_status_class"

ASKS = [
    Ask("/"),
    Ask("/echo", b"x" * 1000),
    Ask("/big?size=5000"),
    Ask("/status?code=404", status=404),
    Ask("/status?code=503", status=503),
]


def load(server: Server, tally: Tally, clients: int = 6, each: int = 40) -> None:
    asks = [random.Random(seed).choices(ASKS, k=each) for seed in range(clients)]
    run([partial(work, server.address, iter(some), tally) for some in asks])


def expect(server: Server, tally: Tally) -> None:
    """Look for the clients' counts, to the request and to the byte."""
    assert tally.failures == []
    # A request is counted when its answer has left, and on a busy machine a worker may be held up between the two.
    eventually(lambda: total(scrape(server), COUNT) >= tally.requests)
    found = scrape(server)
    assert total(found, COUNT) == tally.requests
    for hundreds in (2, 4, 5):
        counted = sum(count for status, count in tally.statuses.items() if status // 100 == hundreds)
        assert total(found, COUNT, **{CLASS: f"{hundreds}xx"}) == counted
    assert total(found, "http_server_request_body_size_bytes_sum") == tally.bytes_in
    assert total(found, "http_server_response_body_size_bytes_sum") == tally.bytes_out


def test_figures_equal_the_clients_after_reloads_and_a_killed_worker(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, disable_logging=True, lazy_apps=True, **with_status())
    tally = Tally()
    load(server, tally)
    expect(server, tally)
    server.reload("c")
    load(server, tally)
    expect(server, tally)
    # As soon as it is counted: nothing waits for a flush.
    pids = server.worker_pids()
    load(server, tally)
    expect(server, tally)  # It is counted a few microseconds behind the answer.
    server.signal(signal.SIGKILL, pids[0])
    server.wait_accepting(5)
    expect(server, tally)
    server.reload("r")
    load(server, tally)
    expect(server, tally)


@pytest.mark.long
def test_figures_under_a_load_that_reloads(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, disable_logging=True, lazy_apps=True, **with_status())
    with hammer(server.address, ASKS, 4) as tally:
        server.reload("c")
        assert total(scrape(server), COUNT) > 0
    expect(server, tally)


@pytest.fixture(scope="module")
def one(module_uwsgi: Servers) -> Server:
    return module_uwsgi(trio_metrics_interval=0.1, harakiri=30, **with_status())


def test_names_units_and_buckets_are_as_promtool_wants_them(one: Server) -> None:
    with Http1(one.address) as client:
        client.get()
        client.post("/echo", b"12345")
    for accept in ("text/plain", OPENMETRICS):
        families = scrape(one, accept)
        assert len(families) > 20
        for family in families:
            assert family.documentation.endswith(".")
            assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
            _lint(family)


def _lint(family: Any) -> None:
    units = {"milliseconds", "ms", "minutes", "kilobytes", "percent"}
    assert not units & set(family.name.split("_"))
    assert not (family.type != "counter" and family.name.endswith("_total"))
    if family.type == "histogram":
        assert family.name.endswith(("_seconds", "_bytes"))
        _lint_buckets(family)


def _lint_buckets(family: Any) -> None:
    buckets = defaultdict(list)
    counts = {}
    for each in family.samples:
        key = tuple(sorted(item for item in each.labels.items() if item[0] != "le"))
        if each.name.endswith("_bucket"):
            buckets[key].append((float(each.labels["le"]), each.value))
        elif each.name.endswith("_count"):
            counts[key] = each.value
    assert counts
    for key, found in buckets.items():
        assert found == sorted(found)
        assert found[-1] == (float("inf"), counts[key])
        assert [value for _, value in found] == sorted(value for _, value in found)
    if family.name.endswith("_seconds"):
        advised = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, float("inf")]
        assert all([bound for bound, _ in found] == advised for found in buckets.values())


def test_a_request_lies_in_its_bucket(one: Server) -> None:
    before = scrape(one)
    with Http1(one.address) as client:
        client.get("/sleep?seconds=0.3")
    after = scrape(one)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    bucket = "http_server_request_duration_seconds_bucket"
    assert (grown(bucket, le="0.25"), grown(bucket, le="+Inf")) == (0, 1)
    assert 0.3 <= grown("http_server_request_duration_seconds_sum") < 5


def test_gauges_and_other_counters(one: Server) -> None:
    before = total(scrape(one), "trio_app_exceptions_total")
    with Http1(one.address) as client, Http1(one.address) as failing:
        client.request("/sleep?seconds=20")
        failing.get("/raise")
        eventually(lambda: total(scrape(one), "http_server_active_requests", worker="1") == 1)
        found = scrape(one)
    with connect_websocket("ws://test/ws", sock=connect(one.address)) as session:
        session.send("one")
        session.recv()
        eventually(lambda: total(scrape(one), "trio_websocket_received_messages_total") == 1)
    assert total(found, "trio_app_exceptions_total") == before + 1
    assert total(found, "trio_open_connections") >= 1
    (pid,) = one.worker_pids()
    assert total(found, "process_open_fds") == pytest.approx(len(os.listdir(f"/proc/{pid}/fd")), abs=8)
    assert total(found, "process_resident_memory_bytes") > 10_000_000
    assert total(found, "process_cpu_seconds_total") > 0
    assert total(found, "python_gc_collections_total") > 0
    (build,) = samples(found, "trio_build_info")
    assert build.labels.keys() == {"version", "trio", "uwsgi"}


@pytest.mark.long
def test_a_loop_that_stands_still_is_seen_by_another_worker(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, trio_metrics_interval=0.2, **with_status())
    with Http1(server.address) as client:
        client.request("/block?seconds=9")
        eventually(lambda: max(each.value for each in samples(scrape(server), "trio_loop_lag_seconds")) > 1, timeout=8)


def test_the_routes_of_quart_and_no_more_than_are_allowed(uwsgi: Servers) -> None:
    server = uwsgi(module="quart_app:app", trio_metrics_routes=2, **with_status())
    with Http1(server.address) as client:
        client.get("/")
        client.get("/nothing")
        client.post("/echo", b"abc")
        client.get("/sleep?seconds=0")
        client.get("/")
    found = {each.labels.get("http_route", ""): each.value for each in samples(scrape(server), COUNT)}
    assert found == {"/": 2, "": 1, "/echo": 1, "_OTHER": 1}


def test_the_route_of_fastapi(uwsgi: Servers) -> None:
    server = uwsgi(module="fastapi_app:app", **with_status())
    with Http1(server.address) as client:
        client.get("/items/7")
    (found,) = samples(scrape(server), COUNT)
    assert found.labels["http_route"] == "/items/{number}"


def test_a_method_that_a_client_makes_up_is_no_label(one: Server) -> None:
    with Http1(one.address) as client:
        client.request("/", "PROPFIND")
        client.response()
    methods = {each.labels["http_request_method"] for each in samples(scrape(one), COUNT)}
    assert "PROPFIND" not in methods


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:80"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "metrics.example"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_page_of_another_site_reads_nothing(other: Server, headers: dict[str, str], status: int) -> None:
    assert _status(other, "/metrics", headers) == status


def test_nothing_else_is_there_and_nothing_is_logged_or_counted(other: Server) -> None:
    assert _status(other, "/", {}) in (200, 404)
    assert _status(other, "/nothing", {}) == 404
    assert total(scrape(other), COUNT) == 0
    assert other.count("GET /metrics") == 0


@pytest.fixture(scope="module")
def other(module_uwsgi: Servers) -> Server:
    return module_uwsgi(trio_status_hosts="metrics.example", **with_status())


def _status(server: Server, path: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(status_url(server, path), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.long
def test_a_draining_worker_still_tells(uwsgi: Servers) -> None:
    server = uwsgi(worker_reload_mercy=20, **with_status())
    (pid,) = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/sleep?seconds=3")
        server.wait_log("sleeping")
        server.signal(signal.SIGHUP, pid)
        server.wait_log("the drain waits for")
        assert total(scrape(server), "http_server_active_requests") == 1
        assert client.response().text == "slept"


def test_an_address_that_is_no_socket_of_the_ini(uwsgi: Servers) -> None:
    server = uwsgi(trio_status="127.0.0.1:1", ready=False)
    server.wait_end()
    server.wait_log(r"trio-status = 127\.0\.0\.1:1: allowed is a socket of the ini: 127\.0\.0\.1:\d+, /")


def test_without_metrics_of_uwsgi_nothing_is_missed(uwsgi: Servers) -> None:
    server = uwsgi(ini=None, **with_status())
    with Http1(server.address) as client:
        client.get()
    assert total(scrape(server), COUNT) == 1
    assert not server.count("metrics are")


def test_the_file_of_a_master_that_has_ended_is_removed(uwsgi: Servers, tmp_path: Path) -> None:
    first = uwsgi(**with_status())
    (path,) = Path("/dev/shm").glob(f"trio-worker-{os.getuid()}-*-{first.master_pid}-*")
    assert path.stat().st_mode & 0o777 == 0o600
    first.end()
    uwsgi(**with_status())
    assert not path.exists()
