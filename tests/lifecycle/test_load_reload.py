"""No request is lost through reloads under load. TRIO_TEST_RELOADS says how many of each kind; 20 is the real thing."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGHUP, SIGINT
from typing import Any

import pytest
from support.certificates import Authority
from support.load import Ask, hammer
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import open_
from websockets.exceptions import ConnectionClosed

RELOADS = int(os.environ.get("TRIO_TEST_RELOADS", "2"))
PROCESSES = 2

MEGABYTE = 1 << 20
WORKS = {
    "get": [Ask("/", expected=b"hello")],
    "mixed": [
        Ask("/", expected=b"hello"),
        Ask("/echo", b"x" * 10_000, b"x" * 10_000),
        Ask(f"/big?size={MEGABYTE}", expected=b"x" * MEGABYTE),
        Ask("/stream?count=20&size=1000&pause=0.005", expected=b"x" * 20_000),
    ],
}


def chain(server: Server) -> None:
    server.reload("c")


def hangup(server: Server) -> None:
    server.signal(SIGHUP)


WAYS = {"chain": chain, "SIGHUP": hangup}


def reload(server: Server, way: Callable[[Server], None], times: int = RELOADS) -> None:
    """So many reloads, each begun when the one before has ended."""
    for number in range(times):
        way(server)
        server.wait_accepting(PROCESSES * (number + 2), timeout=60)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("work", WORKS)
def test_nothing_is_lost(uwsgi: Servers, work: str, way: str) -> None:
    server = uwsgi(processes=PROCESSES, disable_logging=True)
    with hammer(server.address, WORKS[work], clients=8) as tally:
        reload(server, WAYS[way])
    assert tally.failures == []
    assert tally.requests > 20


def each_way(quick: str) -> list[Any]:
    """Each scheme and way; without TLS, the one named is in the default suite."""
    return [
        pytest.param(scheme, way, marks=() if (scheme, way) == ("http", quick) else pytest.mark.long)
        for scheme in ("http", "https")
        for way in WAYS
    ]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize(("scheme", "way"), each_way("chain"))
def test_wrk_sees_no_error(uwsgi: Servers, tmp_path: Path, scheme: str, way: str) -> None:
    certificate, key = Authority(tmp_path).serve("localhost")
    server = uwsgi(
        processes=PROCESSES, disable_logging=True, trio_certfile=certificate, trio_keyfile=key, trio_clear_text=True
    )
    # SIGINT is its end: it says then what it has seen. An answer that takes longer than two seconds is late, not lost.
    command = [
        "wrk",
        "-t1",
        "-c32",
        "--timeout=30s",
        f"-d{60 + 10 * RELOADS}s",
        server.url.replace("http", scheme) + "/",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        eventually(lambda: server.metrics()["requests"])
        reload(server, WAYS[way])
        assert wrk.poll() is None
        wrk.send_signal(SIGINT)
        output, _ = wrk.communicate(timeout=10)
    assert re.search(r"requests in", output), output
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output


def lost_by_h2load(log: Path) -> list[str]:
    """The lines of its log that tell of a request which has left (its time is not 0) and had no good answer.

    One that was still waiting in h2load when the GOAWAY came has not left: a client that does not only count sends it
    on another connection (RFC 9113 section 6.8). h2load opens no other, so a run ends with its first reload.
    """
    return [line for line in log.read_text().splitlines() if line.split()[0] != "0" and line.split()[1] != "200"]


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
@pytest.mark.parametrize(("scheme", "way"), each_way("SIGHUP"))
def test_h2load_loses_nothing(uwsgi: Servers, tmp_path: Path, scheme: str, way: str) -> None:
    certificate, key = Authority(tmp_path).serve("localhost")
    server = uwsgi(
        processes=PROCESSES, disable_logging=True, trio_certfile=certificate, trio_keyfile=key, trio_clear_text=True
    )
    log = tmp_path / "requests.log"
    url = server.url.replace("http", scheme)
    for number in range(RELOADS):
        command = ["h2load", "-t1", "-c8", "-m4", "-n1000000", f"--log-file={log}", url + "/"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as h2load:
            eventually(lambda: log.exists() and log.stat().st_size > 10_000)
            WAYS[way](server)
            server.wait_accepting(PROCESSES * (number + 2), timeout=60)
            h2load.wait(timeout=60)
        assert lost_by_h2load(log) == []
        log.unlink()


@pytest.mark.long
@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
@pytest.mark.parametrize("way", WAYS)
def test_h2load_over_http_1_1_sees_no_error(uwsgi: Servers, way: str) -> None:
    """Over HTTP/1.1 it opens another connection when one ends, and so goes on through all reloads."""
    server = uwsgi(processes=PROCESSES, disable_logging=True)
    command = ["h2load", "--h1", "-t1", "-c8", f"-D{20 + 10 * RELOADS}", server.url + "/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as h2load:
        eventually(lambda: server.metrics()["requests"])
        reload(server, WAYS[way])
        assert h2load.poll() is None
        output, _ = h2load.communicate(timeout=60 + 10 * RELOADS)
    assert re.search(r"[1-9]\d* succeeded, 0 failed, 0 errored, 0 timeout", output), output


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_a_websocket_that_comes_back_at_1012(uwsgi: Servers, way: str) -> None:
    """Its client sends again what was not answered before the close. Every session ends by 1012, and the next opens."""
    server = uwsgi(processes=PROCESSES, disable_logging=True)
    done = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(echo_until, server, done) for _ in range(4)]
        try:
            reload(server, WAYS[way])
        finally:
            done.set()
        for client in clients:
            messages, codes = client.result()
            assert messages > 20
            assert set(codes) == {1012}


def echo_until(server: Server, done: threading.Event) -> tuple[int, list[int]]:
    """Send one message after the other, and return how many have come back, and the codes of the sessions' ends."""
    messages, codes = 0, []
    while not done.is_set():
        with open_(server, "/ws", open_timeout=30) as session:
            try:
                while not done.is_set():
                    session.send(str(messages))
                    assert session.recv(timeout=30) == str(messages)
                    messages += 1
            except ConnectionClosed as closed:
                codes.append(closed.rcvd.code if closed.rcvd else 1006)
    return messages, codes
