"""`trio-worker top` on a terminal: a live table where rich is installed, plain text where it is not."""

import signal
import sys
from contextlib import ExitStack
from typing import Any

import pytest
from support.figures import with_status
from support.load import Ask, hammer
from support.status import client, running
from support.terminal import on_terminal, terminal
from support.uwsgi import Server, Servers

from trio_worker.status import tables
from trio_worker.status.history import History, percentile


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(processes=2, module="nurseries:app", disable_logging=True, **with_status())


def test_a_live_table_shows_workers_latencies_and_requests(server: Server) -> None:
    with (
        client(server, "/nursery/[bold]one%1b[2J"),
        hammer(server.address, [Ask("/")], 2),
        terminal("top", server.ini) as shown,
    ):
        running(server, "/nursery/[bold]one\x1b[2J")
        text = shown.read_until("s, 99 of 100 below", "accepting", "GET /nursery")
        assert "MiB" in text
        assert r"/nursery/[bold]one\x1b[2J" in text
        shown.press("s")
        shown.read_until("by worker")
        shown.press("q")
        assert shown.wait() == 0
        assert shown.is_cooked()


def test_an_interruption_ends_it_and_the_terminal_is_what_it_was(server: Server) -> None:
    with terminal("top", server.ini) as shown:
        shown.read_until("accepting")
        assert b"\x1b[?1049h" in shown.drawn  # A screen of its own (xterm's private mode 1049).
        shown.process.send_signal(signal.SIGINT)
        assert shown.wait() == 0
        assert shown.is_cooked()


def test_it_fits_a_narrow_terminal(server: Server) -> None:
    with client(server, "/nursery/narrow"), terminal("top", server.ini, columns=80) as shown:
        running(server, "/nursery/narrow")
        text = shown.read_until("by age")
        assert max(map(len, text.splitlines())) <= 80


def test_another_size_shows_as_many_requests_as_there_is_room_for(server: Server) -> None:
    with ExitStack() as stack:
        for number in range(12):
            stack.enter_context(client(server, f"/nursery/{number}"))
            running(server, f"/nursery/{number}")
        shown = stack.enter_context(terminal("top", server.ini))
        listed = shown.read_until("by age", "/nursery/0", "/nursery/11")
        assert "more" not in listed
        shown.resize(rows=12, columns=70)
        text = shown.read_until("/nursery/0", " more")
        frame = text[text.rindex("trio-worker ") :]
        assert max(map(len, frame.splitlines())) <= 70
        assert len(frame.splitlines()) <= 12
        shown.resize(rows=40, columns=160)
        shown.read_until("/nursery/0", "/nursery/11")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_whoever_ends_it_the_terminal_is_what_it_was(server: Server, number: signal.Signals, code: int) -> None:
    with terminal("top", server.ini) as shown:
        shown.read_until("accepting")
        shown.process.send_signal(number)
        assert shown.wait() == code
        assert shown.is_cooked()
        assert b"\x1b[?1049l" in shown.drawn


def test_a_key_stops_it_and_the_shell_goes_on_with_it(server: Server) -> None:
    """As Ctrl-Z and `fg` do: the shell has the terminal meanwhile, as it was."""
    with on_terminal(["bash", "--norc", "--noediting", "-i"]) as shown:
        shown.press(f"{sys.executable} -m trio_worker top {server.ini}\n")
        shown.read_until("accepting")
        shown.press("\x1a")
        shown.read_until("Stopped")
        assert shown.is_cooked()
        shown.press("fg\n")
        shown.read_until("accepting")
        shown.press("q")
        shown.press("exit\n")
        assert shown.wait() == 0


def test_a_terminal_that_obeys_nothing_gets_plain_lines(server: Server) -> None:
    with terminal("top", server.ini, kind="dumb") as shown:
        shown.read_until("99 of 100", "accepting")
        assert b"\x1b" not in shown.drawn
        shown.press("q")
        assert shown.wait() == 0


def test_it_is_watched_through_a_reload(uwsgi: Servers) -> None:
    server = uwsgi(processes=2, lazy_apps=True, **with_status())
    with terminal("top", server.ini) as shown:
        shown.read_until("accepting")
        for way in ("c", "r"):
            server.reload(way)
            shown.drawn = b""
            shown.read_until("accepting")
        assert "Traceback" not in shown.text
        shown.press("q")
        assert shown.wait() == 0


def test_without_rich_it_is_plain_and_says_so_once(server: Server) -> None:
    without = (
        "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: n != 'rich' and f(n, *a) or None"
    )
    with terminal("top", server.ini, before=without) as shown:
        text = shown.read_until("99 of 100", "pip install 'trio-worker[top]'", "accepting")
        assert text.count("rich is not installed") == 1
        shown.press("q")
        assert shown.wait() == 0


def test_it_goes_on_while_nobody_answers(uwsgi: Servers) -> None:
    server = uwsgi(**with_status())
    with terminal("top", server.ini) as shown:
        shown.read_until("accepting")
        server.end()
        shown.read_until("does not answer")
        shown.press("q")
        assert shown.wait() == 0


def test_it_says_what_is_wrong_at_the_start() -> None:
    with terminal("top", "127.0.0.1:1") as shown:
        shown.read_until("does not answer")
        assert shown.wait() == 1


def looks(*pairs: tuple[float, list[int]]) -> Any:
    for now, times in pairs:
        yield {"now": now, "bounds": [100, 200], "workers": [{"id": 1, "pid": 7, "times": times, "cpu": now / 2}]}


def test_rates_and_percentiles_are_of_what_came_since() -> None:
    history = History()
    for look in looks((0.0, [5, 5, 5]), (2.0, [105, 5, 5]), (4.0, [105, 105, 5])):
        history.add(look)
    figures = history.of(1)
    assert figures.rate == 50
    assert figures.busy == 0.5
    assert figures.half == 100
    assert figures.most == 198
    assert history.of(2) == (0, 0, None, None)


def test_what_is_slower_than_every_bound_is_told_by_the_last() -> None:
    assert percentile([100, 200], [0, 0, 2], 0.5) == 300
    assert percentile([100, 200], [0, 0, 0], 0.5) is None
    assert [tables.duration(each) for each in (None, 10, 1500, 2e6)] == ["-", "10 us", "1.5 ms", "2.0 s"]


def test_requests_are_sorted() -> None:
    found = [
        {"age": 1, "worker": 2, "method": "GET", "path": "/b", "client": "x", "protocol": "http/2"},
        {"age": 2, "worker": 1, "method": "GET", "path": "/a", "client": "y", "protocol": "http/2"},
        {"age": 3, "worker": 2, "method": "GET", "path": "/c", "client": "x", "protocol": "http/2"},
    ]
    ages = {order: [each["age"] for each in tables.in_order(found, order)] for order in tables.ORDERS}
    assert ages == {"age": [3, 2, 1], "worker": [2, 3, 1], "request": [2, 1, 3], "client": [3, 1, 2]}
