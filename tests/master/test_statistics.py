"""What uWSGI's statistics say of a Trio worker agrees with what its clients have seen."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.http2 import Http2
from support.ini import free_port
from support.processes import alive
from support.snmp import get
from support.uwsgi import Server, Servers
from support.waiting import eventually
from websockets.sync.client import connect as websocket

WORKERS = 4


@pytest.fixture
def start(uwsgi: Servers, plugin: Path) -> Callable[..., Server]:
    """Starts a uWSGI with the plugin."""

    def start(**options: Any) -> Server:
        return uwsgi(module="limits:app", plugin=plugin, **options)

    return start


def requests(server: Server) -> int:
    """The requests of all workers in the stats server's JSON."""
    return sum(each["requests"] for each in server.stats()["workers"])


def ask(server: Server, count: int) -> int:
    """Send requests on connections of their own; returns how many were answered."""

    def one(_: int) -> int:
        try:
            with Http1(server.address) as client:
                return client.get("/pid").status == 200
        except ConnectionError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(one, range(count)))


def test_the_count_is_the_clients_after_reloads_and_a_killed_worker(start: Callable[..., Server]) -> None:
    server = start(processes=WORKERS)
    answered = ask(server, 300)
    for number in range(2):
        server.fifo("c")
        answered += ask(server, 300)
        server.wait_chain(number + 1)
    # At once after its answers: what it has counted must not need time to be known. A request may still run when its
    # client has had the answer; the worker is not killed in one.
    answered += ask(server, 100)
    eventually(lambda: all(each["status"] == "idle" for each in server.stats()["workers"]))
    os.kill(server.worker_pids()[1], signal.SIGKILL)
    server.wait_accepting(3 * WORKERS + 1)
    server.wait_log("DAMN ! worker 2 .* killed by signal 9")
    answered += ask(server, 100)
    assert answered == 1100
    eventually(lambda: requests(server) == answered, 5, lambda: f"{requests(server)} of {answered}")
    assert server.metrics()["requests"] <= answered
    assert shown_by_uwsgitop(server) == answered


def shown_by_uwsgitop(server: Server) -> int:
    """The requests in the first line of uwsgitop's screen."""
    program = Path(sys.executable).parent / "uwsgitop"
    if not program.exists():
        pytest.skip("uwsgitop is not installed")
    screen, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "LINES": "40", "COLUMNS": "160"}
    shown = b""
    with subprocess.Popen(
        [program, str(server.options["stats"])], stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        try:
            while (found := re.search(rb"- req: (\d+) -", shown)) is None:
                shown += os.read(screen, 4096)
        finally:
            process.terminate()
            os.close(screen)
    return int(found[1])


def test_a_worker_is_busy_exactly_while_a_request_runs(start: Callable[..., Server]) -> None:
    server = start()

    def status() -> str:
        return str(server.stats()["workers"][0]["status"])

    with Http1(server.address) as client, Http1(server.address) as other:
        assert status() == "idle"
        assert client.get("/worker-status").text == "busy"
        client.request("/sleep?seconds=1.5")
        server.wait_log("sleeping")
        assert status() == "busy"
        # Another one that comes and goes does not make it idle.
        assert other.get("/pid").status == 200
        assert status() == "busy"
        client.response()
        assert status() == "idle"
        client.request("/sleep?seconds=30")
        server.wait_log("sleeping", 2)
        assert status() == "busy"
    server.wait_log("sleep cancelled")
    eventually(lambda: status() == "idle")


def test_a_websocket_session_is_a_request(start: Callable[..., Server]) -> None:
    server = start()
    with websocket(server.url.replace("http", "ws") + "/ws") as session:
        session.send("hello")
        session.recv()
        assert server.stats()["workers"][0]["status"] == "busy"
        assert requests(server) == 0
    eventually(lambda: requests(server) == 1)
    assert server.stats()["workers"][0]["status"] == "idle"


def test_streams_of_http2_are_counted_one_by_one(start: Callable[..., Server]) -> None:
    server = start()
    with Http2(server.address).begin() as client:
        for stream in [client.request("/pid") for _ in range(7)]:
            assert client.response(stream)[0] == 200
    eventually(lambda: requests(server) == 7)


def test_times_bytes_exceptions_and_harakiri(start: Callable[..., Server]) -> None:
    server = start(harakiri=2)
    with Http1(server.address) as client:
        assert client.get("/big?size=100000").status == 200
        assert client.get("/sleep?seconds=0.5").status == 200
        assert client.get("/raise").status == 500
    with Http1(server.address) as client:
        assert client.get("/sleep?seconds=9").status == 504
    worker = eventually(lambda: (found := server.stats()["workers"][0])["requests"] == 4 and found)
    worker = eventually(lambda: (found := server.stats()["workers"][0])["delta_requests"] == 4 and found)
    assert worker["tx"] >= 100_000
    assert 2_400_000 < worker["running_time"] < 3_500_000
    assert worker["exceptions"] == 1
    assert worker["harakiri_count"] == 1
    assert worker["apps"][0]["requests"] == 4
    assert worker["rss"] > 10 << 20
    assert worker["vsz"] > worker["rss"]


def test_the_average_response_time(start: Callable[..., Server]) -> None:
    server = start()
    with Http1(server.address) as client:
        for _ in range(12):
            client.get("/sleep?seconds=0.2")
    average = eventually(lambda: (found := server.stats()["workers"][0])["delta_requests"] == 12 and found["avg_rt"])
    assert 190_000 < average < 260_000


def test_the_plugin_declares_the_metrics(start: Callable[..., Server]) -> None:
    server = start(ini=None)
    ask(server, 10)
    eventually(lambda: server.metrics()["requests"] == 10)
    assert server.metrics()["worker.1.connections"] == 0
    assert "not declared" not in server.log


def test_without_metrics_one_line_says_so(start: Callable[..., Server]) -> None:
    server = start(ini=None, enable_metrics="false")
    server.wait_log("no metrics are kept")
    assert "not declared" not in server.log
    assert "metrics" not in server.stats()


@pytest.fixture
def receiver() -> Iterator[tuple[int, list[str]]]:
    """A TCP port, and what each connection to it has sent."""
    received: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def receive() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile() as file:
                    received.append(file.read())

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield listener.getsockname()[1], received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_carbon(start: Callable[..., Server], receiver: tuple[int, list[str]]) -> None:
    port, received = receiver
    server = start(carbon=f"127.0.0.1:{port}", carbon_freq=1, carbon_id="test", processes=2)
    ask(server, 50)

    def pushed(name: str) -> list[int]:
        return [int(each) for each in re.findall(rf"\.test\.{name} (\d+) ", "".join(received))]

    eventually(lambda: 50 in pushed("requests"))
    assert max(pushed("worker1.requests")) + max(pushed("worker2.requests")) == 50
    eventually(lambda: max(pushed("tx"), default=0) >= 50 * 4)


def test_stats_push_to_a_socket(start: Callable[..., Server]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        address = f"127.0.0.1:{receiver.getsockname()[1]}"
        server = start(stats_push=f"socket:{address}", stats_pusher_default_freq=1, enable_metrics=True)
        ask(server, 20)
        missing = {b"uwsgi.worker.0.requests 0 20", b"uwsgi.worker.1.requests 0 20", b"uwsgi.trio.requests 0 20"}
        while missing:
            missing.discard(receiver.recv(65536))


def test_metrics_dir(start: Callable[..., Server]) -> None:
    server = start(metrics_dir=".", processes=2)
    ask(server, 30)

    def kept(name: str) -> int:
        return int((server.directory / name).read_text().rstrip("\0") or 0)

    eventually(lambda: kept("trio.requests") == kept("worker.0.requests") == 30)
    assert kept("worker.1.requests") + kept("worker.2.requests") == 30


def test_metrics_dir_restore(start: Callable[..., Server], tmp_path: Path) -> None:
    first = start(metrics_dir=tmp_path)
    ask(first, 10)
    eventually(lambda: (tmp_path / "trio.requests").read_text().rstrip("\0") == "10\n")
    first.end()
    second = start(metrics_dir=tmp_path, metrics_dir_restore=True)
    ask(second, 5)
    eventually(lambda: second.metrics()["requests"] == 15)


def test_snmp(start: Callable[..., Server]) -> None:
    port = free_port()
    server = start(snmp=f"127.0.0.1:{port}", snmp_community="public", ini=None, enable_metrics=True)
    ask(server, 40)
    # .iso.org.dod.internet.private.enterprises.unbit.uwsgi: its own counters, and ours below 116.
    eventually(lambda: get(port, "1.3.6.1.4.1.35156.17.3.0.1") == 40)
    eventually(lambda: get(port, "1.3.6.1.4.1.35156.17.116.1.1") == 40)


def test_without_the_plugin_the_worker_serves_and_says_what_is_missing(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http1(server.address) as client:
        assert client.get().text == "hello"
    server.wait_log(r"these options need the plugin .*: stats \(")
    assert requests(server) == 0
    assert all(alive(pid) for pid in server.worker_pids())
