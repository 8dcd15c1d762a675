"""Requests that take too long are cancelled alone; a stuck loop is killed by the master."""

import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from support.http1 import Http1, Response
from support.http2 import Http2
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as websocket

CANCELLED = r"harakiri: GET \S+ is cancelled after (\S+) s"


def start(uwsgi: Servers, **options: Any) -> Server:
    return uwsgi(module="limits:app", **options)


@contextmanager
def in_background(server: Server, *paths: str) -> Iterator[list[float]]:
    """Ask for the paths on connections of their own; each path's time stands in the list once all are answered."""
    took: list[float] = []

    def ask(path: str) -> Response:
        began = time.monotonic()
        with Http1(server.address, timeout=30) as client:
            response = client.get(path)
        took.append(time.monotonic() - began)
        return response

    with ThreadPoolExecutor(len(paths)) as pool:
        answers = pool.map(ask, paths)
        yield took
        assert {(each.status, each.text) for each in answers} == {(200, "slept")}


def test_a_request_is_cancelled_and_the_others_of_its_worker_are_unharmed(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=2)
    [pid] = server.worker_pids()
    with in_background(server, *["/sleep?seconds=1.5"] * 50), Http1(server.address) as client:
        began = time.monotonic()
        response = client.get("/sleep?seconds=10")
        took = time.monotonic() - began
    assert response.status == 504
    assert 1.9 < took < 2.5
    assert server.count(CANCELLED) == 1
    assert server.count("sleep cancelled") == 1
    assert re.search(r"probe\.py:\d+ in _sleep$", server.log, re.MULTILINE)
    with Http1(server.address) as client:
        assert int(client.get("/pid").text) == pid


def test_a_client_that_is_still_sending_reads_its_504(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1)
    with Http1(server.address) as client:
        client.send(b"POST /sleep?seconds=60 HTTP/1.1\r\nHost: t\r\nContent-Length: 400000\r\n\r\n" + b"x" * 200_000)
        server.wait_log("sleep cancelled")
        client.send(b"x" * 100_000)
        assert client.response().status == 504


def test_without_harakiri_nobody_is_cancelled(uwsgi: Servers) -> None:
    server = start(uwsgi)
    with in_background(server, "/sleep?seconds=1.5"):
        pass
    assert not server.count(CANCELLED)


def test_the_log_shows_the_tasks_of_the_request(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1)
    with Http1(server.address) as client:
        assert client.get("/nursery?seconds=10").status == 504
    assert re.search(r"limits\.py:\d+ in sleeps_here$", server.log, re.MULTILINE)


def test_the_log_shows_a_thousand_of_the_tasks_of_a_request(uwsgi: Servers) -> None:
    server = uwsgi(module="nurseries:app", harakiri=1)
    with Http1(server.address) as client:
        assert client.get("/many/3000").status == 504
    server.wait_log("and 2001 more tasks")
    assert server.log.count("- xxx") == 999


def test_a_response_that_has_begun_is_cut_off(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1)
    with Http1(server.address) as client:
        client.request("/stream?pause=0.2")
        assert client.head().status == 200
        # There is no last chunk.
        assert not client.rest().endswith(b"0\r\n\r\n")
    assert server.count(CANCELLED) == 1


def test_a_stream_of_http2_is_cancelled_alone(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=2)
    with Http2(server.address).begin() as client:
        slow = client.request("/sleep?seconds=10")
        client.connection.ping(b"12345678")
        client.flush()
        quick = client.request("/sleep?seconds=1")
        assert client.response(quick) == (200, b"slept")
        assert client.response(slow)[0] == 504
        assert client.response(client.request("/pid"))[0] == 200


def test_a_websocket_session_is_no_slow_request(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1)
    with websocket(server.url.replace("http", "ws") + "/ws") as session:
        for _ in range(2):
            # The session is older than this request, which is cancelled.
            with Http1(server.address) as client:
                assert client.get("/sleep?seconds=10").status == 504
            session.send("still here")
            assert session.recv() == "still here"


def test_harakiri_verbose_shows_the_thread_that_a_request_waits_for(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1, harakiri_verbose=True)
    with Http1(server.address) as client:
        client.request("/thread?seconds=2")
        server.wait_log(r"in waits_here$")
        assert client.response().status in (200, 504)


def test_without_it_the_threads_are_not_shown(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1)
    with Http1(server.address) as client:
        client.request("/thread?seconds=2")
        server.wait_log(CANCELLED)
        client.response()
    assert not server.count("in waits_here$")


def test_a_cancelled_request_that_does_not_end_is_reported(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1)
    with Http1(server.address, timeout=30) as client:
        client.request("/thread?seconds=6.5")
        server.wait_log(r"harakiri: GET /thread runs on \d s after it was cancelled")
        client.response()


def test_a_request_sets_its_own_deadline(uwsgi: Servers) -> None:
    server = start(uwsgi)
    with in_background(server, "/sleep?seconds=2"), Http1(server.address) as client:
        began = time.monotonic()
        assert client.get("/deadline?harakiri=1&seconds=10").status == 504
        assert 0.9 < time.monotonic() - began < 4


def test_a_deadline_can_be_taken_back(uwsgi: Servers) -> None:
    server = start(uwsgi)
    with Http1(server.address) as client:
        assert client.get("/deadline?harakiri=1&then=0&seconds=1.4").text == "slept"
        # The next request of the connection has none either.
        assert client.get("/sleep?seconds=1.4").text == "slept"


def test_a_deadline_is_set_from_a_thread_of_the_request(uwsgi: Servers) -> None:
    server = start(uwsgi)
    with Http1(server.address) as client:
        assert client.get("/deadline/thread?seconds=10").status == 504


def test_harakiri_queue_threshold_spares_a_request_while_nobody_waits(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1, harakiri_queue_threshold=5)
    with in_background(server, "/sleep?seconds=2.2"):
        pass
    assert not server.count(CANCELLED)


def test_harakiri_queue_threshold_is_passed_by_a_backlog(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1, harakiri_queue_threshold=3, trio_max_connections=1)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=10")
        server.wait_log("sleeping")
        waiting = [Http1(server.address) for _ in range(6)]
        for each in waiting:
            # The kernel queues a connection only once it brings data: uWSGI's sockets have TCP_DEFER_ACCEPT.
            each.request("/pid")
        assert client.response().status == 504
        for each in waiting:
            each.close()


def test_a_stuck_loop_is_killed_and_replaced(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=2)
    [pid] = server.worker_pids()
    with Http1(server.address) as client:
        client.request("/block?seconds=30")
        server.wait_log("blocking")
        began = time.monotonic()
        eventually(lambda: server.count("accepting on") == 2, 8)
        assert 1 < time.monotonic() - began < 5.5
    assert not alive(pid)
    log = server.log
    assert re.search(r"HARAKIRI \(user\) triggered by worker 1", log)
    # Half-way faulthandler has shown where it was stuck.
    assert re.search(r'File ".*limits\.py", line \d+ in _block', log[: log.index("HARAKIRI")])


def test_a_short_stall_is_forgiven(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=3)
    with Http1(server.address) as client:
        assert client.get("/block?seconds=2").text == "blocked"
    assert "HARAKIRI" not in server.log
    assert re.search(r'File ".*limits\.py", line \d+ in _block', server.log)


def test_harakiri_graceful_timeout_lets_a_stuck_worker_end_by_itself(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=2, harakiri_graceful_timeout=10)
    with Http1(server.address) as client:
        client.request("/block?seconds=4")
        server.wait_log("the loop is stuck; 10 s are left")
        server.wait_log("probe .*: shutdown")
    server.wait_accepting(2)
    assert "killed by signal" not in server.log


def test_harakiri_graceful_signal_chooses_how_it_ends(uwsgi: Servers) -> None:
    # SIGHUP makes it drain; the default, SIGTERM, would cut off the others as soon as the loop turns again.
    server = start(uwsgi, harakiri=2, harakiri_graceful_timeout=10, harakiri_graceful_signal=int(signal.SIGHUP))
    with Http1(server.address) as client, Http1(server.address) as other:
        other.get("/pid")
        client.request("/block?seconds=4")
        server.wait_log("the loop is stuck; 10 s are left")
        assert other.get("/sleep?seconds=0.3").text == "slept"
    server.wait_accepting(2)


def test_behind_the_graceful_timeout_it_is_killed(uwsgi: Servers) -> None:
    server = start(uwsgi, harakiri=1, harakiri_graceful_timeout=2)
    with Http1(server.address) as client:
        client.request("/block?seconds=30")
        server.wait_log("the loop is stuck")
        server.wait_accepting(2)
    assert "killed by signal 9" in server.log
