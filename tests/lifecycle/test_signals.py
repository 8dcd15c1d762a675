"""What each signal makes a worker do, sent by uWSGI's master or by a person."""

import re
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.http1 import Http1
from support.log import ACCEPTING
from support.processes import alive
from support.uwsgi import Server, Servers
from support.waiting import eventually

GRACEFUL = (signal.SIGHUP, signal.SIGWINCH)
DESTROY = (signal.SIGINT, signal.SIGTERM)


def pid_of(server: Server) -> int:
    (pid,) = server.worker_pids()
    return int(pid)


def wait_replaced(server: Server, pid: int) -> None:
    eventually(lambda: server.worker_pids() not in ([], [pid]), why=lambda: server.log)


@pytest.mark.parametrize("number", GRACEFUL)
def test_a_graceful_signal_lets_requests_finish(uwsgi: Servers, number: signal.Signals) -> None:
    server = uwsgi()
    pid = pid_of(server)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=0.5")
        server.wait_log("sleeping")
        server.signal(number, pid)
        answer = client.response()
    assert (answer.text, answer.headers["connection"]) == ("slept", "close")
    wait_replaced(server, pid)
    assert server.count(rf"probe {pid}: shutdown") == 1


@pytest.mark.parametrize("number", DESTROY)
def test_a_destroying_signal_does_not(uwsgi: Servers, number: signal.Signals) -> None:
    server = uwsgi()
    pid = pid_of(server)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=30")
        server.wait_log("sleeping")
        server.signal(number, pid)
        assert client.response().status == 503
    wait_replaced(server, pid)
    assert server.count("sleep cancelled") == 1
    assert server.count(rf"probe {pid}: shutdown") == 1


def test_destroy_cuts_a_drain_short(uwsgi: Servers) -> None:
    server = uwsgi(worker_reload_mercy=30)
    pid = pid_of(server)
    with Http1(server.address) as client:
        client.request("/sleep?seconds=30")
        server.wait_log("sleeping")
        server.signal(signal.SIGHUP, pid)
        server.wait_log("draining")
        server.signal(signal.SIGINT, pid)
        eventually(lambda: not alive(pid), 1)


def test_sigtstp_pauses_and_resumes(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http1(server.address) as kept:
        assert kept.get().text == "hello"
        server.signal(signal.SIGTSTP)
        server.wait_log("accepting is paused")
        assert kept.get().text == "hello"
        with Http1(server.address) as waiting:
            waiting.request("/")
            assert waiting.is_open(0.3)
            server.signal(signal.SIGTSTP)
            server.wait_log("accepting is resumed")
            assert waiting.response().text == "hello"


def test_a_worker_that_is_started_in_a_pause_is_paused(uwsgi: Servers) -> None:
    server = uwsgi()
    server.fifo("p")
    server.wait_log("accepting is paused")
    server.signal(signal.SIGKILL, pid_of(server))
    server.wait_log("accepting is paused", count=2)
    with Http1(server.address) as waiting:
        waiting.request("/")
        assert waiting.is_open(0.3)
        server.fifo("p")
        assert waiting.response().text == "hello"


def test_a_thread_that_does_not_end_keeps_no_worker(uwsgi: Servers) -> None:
    server = uwsgi(worker_reload_mercy=3)
    server.may_outstay = True
    pid = pid_of(server)
    with Http1(server.address) as client:
        assert client.get("/thread").status == 200
    server.signal(signal.SIGHUP, pid)
    wait_replaced(server, pid)
    assert server.count("still running at the end of the time that a worker has: a thread") == 1


def test_a_paused_worker_reloads(uwsgi: Servers) -> None:
    server = uwsgi()
    pid = pid_of(server)
    server.signal(signal.SIGTSTP, pid)
    server.wait_log("accepting is paused")
    server.signal(signal.SIGHUP, pid)
    wait_replaced(server, pid)


def test_sigusr1_logs_the_counters(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http1(server.address) as client:
        for _ in range(3):
            client.get()
        client.post("/echo", b"12345")
    server.signal(signal.SIGUSR1, pid_of(server))
    line = server.wait_log(r"\[worker 1\] INFO .* counters: .*")
    counters = dict(re.findall(r"(\S+)=(\d+)", line))
    assert (counters["requests"], counters["responses.2xx"], counters["bytes.in"]) == ("4", "4", "5")


@pytest.mark.parametrize(("number", "words"), [(signal.SIGUSR1, "counters: "), (signal.SIGUSR2, "the tasks of this")])
def test_a_question_to_a_worker_whose_app_did_not_load(
    uwsgi: Servers, tmp_path: Path, number: signal.Signals, words: str
) -> None:
    """It waits for its next try; as the first worker of all it would have ended the instance."""
    code = tmp_path / "changing.py"
    code.write_text("from probe import app\n")
    server = uwsgi(module=None, wsgi_file=code, callable="app", lazy_apps=True)
    code.write_text("app = (\n")
    server.signal(signal.SIGINT, pid_of(server))
    server.wait_log(r"CRITICAL trio_worker\.worker")
    server.signal(number, pid_of(server))
    server.wait_log(r"\[worker 1\] INFO .* " + words)
    assert "Traceback" not in server.log.partition(words)[2]


def test_sigusr2_logs_the_task_tree(uwsgi: Servers) -> None:
    server = uwsgi()
    with Http1(server.address) as client:
        client.request("/sleep?seconds=30")
        server.wait_log("sleeping")
        server.signal(signal.SIGUSR2, pid_of(server))
        server.wait_log(r"the tasks of this worker:$")
        server.wait_log(r"^ +- trio_worker\.serving\.attendant\.attend")
        server.wait_log(r"^ +.*/probe\.py:\d+ in _sleep$")


def test_no_line_of_a_long_dump_is_lost(uwsgi: Servers, tmp_path: Path) -> None:
    """With logto the log is a pipe of packets, of which the master reads 8,192 bytes each."""
    server = uwsgi(logto=tmp_path / "logto", ready=False)
    server.log_path = tmp_path / "logto"
    server.wait_accepting(1)
    with ExitStack() as clients:
        for _ in range(100):
            clients.enter_context(Http1(server.address)).request("/sleep?seconds=30")
        server.wait_log("sleeping", count=100)
        server.signal(signal.SIGUSR2, pid_of(server))
        server.wait_log(r"^ +.*/probe\.py:\d+ in _sleep$", count=100)
        lines = server.log.partition("the tasks of this worker:")[2].splitlines()
    assert all(line.startswith(("    ", "[worker 1] (continued)")) for line in lines if line)


def test_a_signal_that_meets_a_worker_on_its_way_up_is_kept(uwsgi: Servers) -> None:
    server = uwsgi(worker_reload_mercy=30)
    first = pid_of(server)
    server.signal(signal.SIGHUP, first)
    wait_replaced(server, first)
    second = pid_of(server)
    eventually(lambda: _blocked_or_accepting(server, second))
    server.signal(signal.SIGHUP, second)
    wait_replaced(server, second)


def _blocked_or_accepting(server: Server, pid: int) -> bool:
    """Whether our script has begun in this worker: it blocks the signals until it listens to them."""
    blocked = re.findall(r"SigBlk:\s+(\w+)", Path(f"/proc/{pid}/status").read_text())[0]
    return bool(int(blocked, 16) >> (signal.SIGHUP - 1) & 1) or server.count(ACCEPTING) == 2
