"""Each byte that `send` has taken arrives, in order and once, or the client sees that the answer was cut off.

What the app does, in which protocol, and how its client reads, is drawn by a seed, which a failure names. By another:

    TRIO_TEST_SEED=7 make test ARGS='tests/serving/test_delivery.py -m ""'
"""

import os
import re
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.bodies import SCRIPTED
from support.certificates import Authority
from support.delivery_cases import HALF_CLOSING_KINDS, KINDS, Case, Way, all_told, draw, faults_of
from support.uwsgi import Server, Servers
from support.waiting import eventually

SEED = os.environ.get("TRIO_TEST_SEED", "1")


@pytest.fixture
def start(uwsgi: Servers, authority: Authority) -> Callable[..., Server]:
    certificate, key = authority.serve("server.test")
    tls: dict[str, Any] = {"trio_certfile": certificate, "trio_keyfile": key, "trio_clear_text": True}
    return lambda **options: uwsgi(**SCRIPTED, **tls, **options)


@pytest.mark.parametrize("count", [pytest.param(160, id="some"), pytest.param(5000, id="many", marks=pytest.mark.long)])
def test_what_was_sent_arrives(start: Callable[..., Server], authority: Authority, count: int) -> None:
    """And is what the log counts."""
    server = start()
    cases = draw(SEED, count)
    assert faults_of(cases, server, authority) == []
    assert "ended by an error" not in server.log
    said = all_told(server.directory)
    counted = dict(re.findall(r"GET /\?id=(\d+)\S* => generated (\d+) bytes .* \(HTTP/\S+ 200\)", server.log))
    answers = [number for each in cases if not each.kind.startswith("WebSocket") for number in each.numbers]
    wrong = {
        number: (counted[str(number)], said[number])
        for number in answers
        if str(number) in counted and int(counted[str(number)]) != said[number]["accepted"] and said[number]["whole"]
    }
    assert wrong == {}
    assert len(counted) > count / 2


@pytest.mark.long
def test_it_arrives_through_reloads(start: Callable[..., Server], authority: Authority) -> None:
    """All answers of a worker that drains come to their ends, however slow their clients are."""
    server = start(processes=2, worker_reload_mercy=60, lazy_apps=True)
    cases = [each for each in draw(SEED, 1500) if not each.kind.startswith("WebSocket")]  # These are closed by 1012.
    with ThreadPoolExecutor(1) as pool:
        faults = pool.submit(faults_of, cases, server, authority)
        while not faults.done():
            server.reload("c", 90)
    assert faults.result() == [], "\n".join(faults.result())


@pytest.mark.long
def test_what_harakiri_ends_is_cut_off(start: Callable[..., Server], authority: Authority) -> None:
    server = start(harakiri=1)
    kinds = [each for each in KINDS if not each.startswith("WebSocket")]
    cases = [Case(f"{SEED}-{at}", at * 10 + 1, kind, "w9000") for at, kind in enumerate(kinds * 8)]
    assert faults_of(cases, server, authority) == []
    assert server.count("harakiri: GET") > len(cases) / 2


@pytest.mark.parametrize("count", [pytest.param(60, id="some"), pytest.param(1500, id="many", marks=pytest.mark.long)])
def test_clients_that_half_close(start: Callable[..., Server], authority: Authority, count: int) -> None:
    server = start(trio_half_close=True)
    faults = faults_of(draw(SEED, count, HALF_CLOSING_KINDS, Way(half_closes=True)), server, authority)
    assert faults == [], "\n".join(faults)


def test_clients_that_half_close_are_gone(start: Callable[..., Server], authority: Authority) -> None:
    """Unless the ini says otherwise; what they are sent until that is seen is nothing that looks whole."""
    server = start()
    faults = faults_of(draw(SEED, 60, HALF_CLOSING_KINDS, Way(half_closes=True, cuts=True)), server, authority)
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize(
    "ended", [30, *(pytest.param(number, marks=pytest.mark.long) for number in (60, 90, 120, 180))]
)
def test_a_destroy_cuts_off(start: Callable[..., Server], authority: Authority, ended: int) -> None:
    """Answers that it ends are cut off, or 503; those that clients take for whole are whole."""
    server = start()
    cases = draw(f"{SEED}-{ended}", 240, way=Way(cuts=True))
    with ThreadPoolExecutor(1) as pool:
        faults = pool.submit(faults_of, cases, server, authority)
        eventually(lambda: len(all_told(server.directory)) >= ended, 60)
        server.signal(signal.SIGINT)
        assert server.wait_end() == 0
    assert faults.result() == [], "\n".join(faults.result())
    assert "Cancelled" in {each["ended"] for each in all_told(server.directory).values()}
