"""uWSGI's api from async code: what can wait waits beside the loop, and can be cancelled."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1
from support.ini import APPS
from support.uwsgi import Server, Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    """Two workers, a spooler, a cache, a queue and a shared area."""
    return module_uwsgi(
        module="api_user:app",
        processes=2,
        locks=2,
        cache2="name=default,items=100",
        queue=10,
        sharedarea=1,
        spooler="spool",
        log_format="%(method) %(uri) who=%(who) thread=%(thread)",
    )


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def get(server: Server, path: str) -> str:
    with Http1(server.address) as client:
        return client.get(path).text


def test_importing_needs_no_uwsgi() -> None:
    code = "import trio_worker as t; t.uwsgi_api.lock; t.on_signal; t.set_logvar; print(sorted(t.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "on_signal" in done.stdout) == (0, True), done.stderr


# Locks.


def held(server: Server, pool: ThreadPoolExecutor, seconds: float, number: int = 0) -> Future[str]:
    """A request that holds a lock; returns once it does."""
    before = server.count("^held by")
    answer = pool.submit(get, server, f"/hold?seconds={seconds}&number={number}")
    server.wait_log("^held by", before + 1)
    return answer


def test_a_lock_keeps_the_others_out_and_is_released(server: Server, pool: ThreadPoolExecutor) -> None:
    before = server.count("^released by")
    answers = [held(server, pool, 0.5)]
    answers += [pool.submit(get, server, "/hold?seconds=0.1") for _ in range(4)]
    assert get(server, "/is_locked") == "True"
    assert [answer.result() for answer in answers]
    server.wait_log("^released by", before + 5)
    lines = [line.split(" by ") for line in server.log.splitlines() if line.startswith(("held by", "released by"))]
    turns = [kind for kind, _ in lines][-10:]
    assert turns == ["held", "released"] * 5
    assert len({pid for _, pid in lines[-10:]}) <= 2
    assert get(server, "/is_locked") == "False"


def test_waiting_for_a_lock_blocks_no_other_request(server: Server, pool: ThreadPoolExecutor) -> None:
    answer = held(server, pool, 1)
    waiting = [pool.submit(get, server, "/hold?seconds=0") for _ in range(4)]
    began = time.monotonic()
    assert [get(server, "/plain") for _ in range(20)] == ["plain"] * 20
    assert time.monotonic() - began < 0.9
    assert not any(each.done() for each in waiting)
    assert [each.result() for each in [answer, *waiting]]


def test_waiting_for_a_lock_can_be_cancelled(server: Server, pool: ThreadPoolExecutor) -> None:
    answer = held(server, pool, 1.5)
    gave_up = [pool.submit(get, server, "/give_up?seconds=0.2") for _ in range(6)]
    assert {each.result() for each in gave_up} == {"gave up True"}
    assert not answer.done()
    answer.result()
    # Whoever had given up has not kept it.
    eventually(lambda: get(server, "/is_locked") == "False")
    assert get(server, "/give_up?seconds=5") == "held"


def test_locks_are_told_apart(server: Server, pool: ThreadPoolExecutor) -> None:
    answer = held(server, pool, 0.5, number=2)
    assert get(server, "/give_up?seconds=5&number=1") == "held"
    assert get(server, "/is_locked?number=2") == "True"
    answer.result()
    assert get(server, "/no_such_lock") == "Invalid lock number"


def test_tasks_of_one_worker_take_turns(server: Server) -> None:
    assert get(server, "/in_order?count=50") == "1"


def test_a_worker_that_dies_releases_its_lock(server: Server, pool: ThreadPoolExecutor) -> None:
    answer = held(server, pool, 30, number=1)
    pid = int(server.wait_log(r"^held by \d+", server.count("^held by")).split()[-1])
    accepting = server.count("accepting on")
    server.signal(signal.SIGKILL, pid)
    with pytest.raises(ConnectionError):
        answer.result()
    assert get(server, "/give_up?seconds=5&number=1") == "held"
    server.wait_log("accepting on", accepting + 1)


def test_the_shared_area_counts_right(server: Server, pool: ThreadPoolExecutor) -> None:
    before = int(get(server, "/total"))
    list(pool.map(lambda _: get(server, "/add?count=50"), range(8)))
    assert int(get(server, "/total")) == before + 400


# The others.


def test_rpc(server: Server) -> None:
    assert get(server, "/rpc") == "cba fed"


def test_a_remote_call_blocks_no_other_request(server: Server, pool: ThreadPoolExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = f"127.0.0.1:{silent.getsockname()[1]}"
        calls = [pool.submit(get, server, f"/remote?node={node}&seconds=0.7") for _ in range(2)]
        silent.settimeout(5)
        accepted = [silent.accept()]
        began = time.monotonic()
        assert [get(server, "/plain") for _ in range(20)] == ["plain"] * 20
        assert time.monotonic() - began < 0.6
        assert [call.result() for call in calls] == ["cancelled True"] * 2
        assert accepted


def test_cache(server: Server) -> None:
    expected = [True, True, False, True, b"three", True, [b"key"], True, None, False, True, True, 3]
    assert get(server, "/cache") == repr(expected)


def test_queue(server: Server) -> None:
    assert get(server, "/queue") == repr([True, True, True, b"one", b"three", True, b"seven"])


def test_spooler(server: Server) -> None:
    assert get(server, "/spool?what=this") == "True"
    server.wait_log("^spooled this", timeout=30)


@pytest.mark.parametrize("hooks", [True, None], ids=["with the fork hooks", "without them"])
def test_no_message_to_a_mule_is_lost(uwsgi: Servers, plugin: Path, hooks: bool | None) -> None:
    # uWSGI forks a mule without the hooks, and its Python then has no GIL, which only the plugin takes for it.
    if sys.version_info >= (3, 13) and not hooks:
        pytest.skip("Python 3.13 needs the hooks in workers")
    mule = APPS / "slow_mule.py"
    options: dict[str, Any] = {"py_call_uwsgi_fork_hooks": hooks, "plugin": plugin if hooks else None}
    server = uwsgi(module="api_user:app", mule=mule, mule_msg_size=4096, **options)
    assert get(server, "/mule?count=40") == "sent"
    server.wait_log("^mule got message 39")
    assert server.count("^mule got message") == 40


def test_logvars_belong_to_their_request(server: Server, pool: ThreadPoolExecutor) -> None:
    names = [f"name{number}" for number in range(8)]
    answers = list(pool.map(lambda name: get(server, f"/logvars?name={name}"), names))
    assert answers == [repr([name.encode(), name.upper().encode(), None]) for name in names]
    for name in names:
        server.wait_log(f"^GET /logvars.name={name} who={name} thread={name.upper()}$")
    get(server, "/plain?last")
    server.wait_log("^GET /plain.last who=- thread=-$")


def test_a_request_can_ask_to_be_logged(uwsgi: Servers) -> None:
    server = uwsgi(module="api_user:app", disable_logging=True, log_format="line %(uri)")
    assert get(server, "/plain") == "plain"
    assert get(server, "/log_this") == "logged"
    server.wait_log("^line /log_this$")
    assert "line /plain" not in server.log


def test_an_end_while_a_lock_is_waited_for(uwsgi: Servers, pool: ThreadPoolExecutor) -> None:
    server = uwsgi(module="api_user:app", processes=1)
    answer = held(server, pool, 30)
    waiting = pool.submit(get, server, "/hold?seconds=30")
    eventually(lambda: server.metrics().get("worker.1.in_flight") == 2)
    os.kill(server.worker_pids()[0], signal.SIGTERM)
    server.wait_accepting(2)
    for each in (answer, waiting):
        assert "shutting down" in each.result()
    assert get(server, "/is_locked") == "False"
