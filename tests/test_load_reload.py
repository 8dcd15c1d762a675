"""No request is lost through reloads under load. TRIO_TEST_RELOADS says how many of each kind; 20 is the real thing."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from signal import SIGHUP

import pytest
from support.load import Ask, hammer
from support.uwsgi import Server, Servers

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
    server.fifo("c")


def hangup(server: Server) -> None:
    server.signal(SIGHUP)


WAYS = {"chain": chain, "SIGHUP": hangup}


def reload(server: Server, way: Callable[[Server], None], times: int = RELOADS) -> None:
    """So many reloads, each begun when the one before has ended."""
    for number in range(times):
        way(server)
        server.wait_accepting(PROCESSES * (number + 2), timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("work", WORKS)
def test_nothing_is_lost(uwsgi: Servers, work: str, way: str) -> None:
    server = uwsgi(processes=PROCESSES, disable_logging=True)
    with hammer(server.address, WORKS[work], clients=8) as tally:
        reload(server, WAYS[way])
    assert tally.failures == []
    assert tally.requests > 100


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize("way", WAYS)
def test_wrk_sees_no_error(uwsgi: Servers, way: str) -> None:
    server = uwsgi(processes=PROCESSES, disable_logging=True)
    command = ["wrk", "-t1", "-c32", f"-d{2 + 4 * RELOADS}s", server.url + "/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        reload(server, WAYS[way])
        output, _ = wrk.communicate(timeout=60 + 10 * RELOADS)
    assert re.search(r"requests in", output), output
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output


@pytest.mark.slow
@pytest.mark.engines("express")
@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
@pytest.mark.parametrize("way", WAYS)
def test_h2load_sees_no_error(uwsgi: Servers, way: str) -> None:
    server = uwsgi(processes=PROCESSES, disable_logging=True)
    command = ["h2load", "-t1", "-c8", "-m4", "-D", str(2 + 4 * RELOADS), server.url + "/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as h2load:
        reload(server, WAYS[way])
        output, _ = h2load.communicate(timeout=60 + 10 * RELOADS)
    found = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", output)
    assert found is not None, output
    assert found.groups() == ("0", "0", "0"), output
