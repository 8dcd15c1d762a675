"""`trio-worker top`: the workers and what they run, once a second, until q or an interruption ends it.

In a terminal where `rich` is installed it is a live table; elsewhere the same as plain text, without control sequences
where it is no terminal or one that obeys none.
"""

import contextlib
import importlib.util
import json
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from typing import NoReturn, TextIO

from trio_worker.status import tables
from trio_worker.status.client import Place
from trio_worker.status.view import View

# Seconds between two looks.
INTERVAL = 1.0

# To the upper left corner; from there to the end of the screen; to the end of the line.
_HOME, _REST, _LINE = "\x1b[H", "\x1b[J", "\x1b[K"

PLAIN = "trio-worker: plain text, because rich is not installed: pip install 'trio-worker[top]'"


class _Stopped(Exception):
    """Somebody has pressed Ctrl-Z."""


def top(place: Place, as_json: bool, out: TextIO) -> None:
    """Show the instance until somebody has seen enough.

    Args:
        place: where it is asked.
        as_json: whether each look is written as a line of JSON.
        out: where to.

    Raises:
        StatusError: it does not answer at the start.
    """
    view = View(place.ask("/state"))
    while _watch(view, place, as_json, out):
        os.kill(os.getpid(), signal.SIGTSTP)


def _watch(view: View, place: Place, as_json: bool, out: TextIO) -> bool:
    """Show it; returns True if it is to be stopped for a while, for which the terminal is what it was."""
    with _showing(out, as_json) as show, _keys(out) as key, _told_of_ends():
        try:
            show(view)
            while (pressed := key(INTERVAL)) != "q":
                if pressed == "s":
                    view.turn()
                else:
                    view.look(place)
                show(view)
        except _Stopped:
            return True
    return False


@contextlib.contextmanager
def _told_of_ends() -> Iterator[None]:
    """Have what would end or stop this process at once leave the terminal as it was first."""
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: object) -> NoReturn:
    if number == signal.SIGTSTP:
        raise _Stopped
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _showing(out: TextIO, as_json: bool) -> Iterator[Callable[[View], None]]:
    """Yield what shows a view."""
    if as_json:
        yield lambda view: print(json.dumps(view.state), file=out, flush=True)
    elif not out.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield lambda view: print("\n".join([*_lines(view), ""]), file=out, flush=True)
    elif importlib.util.find_spec("rich") is None:
        print(PLAIN, file=sys.stderr)
        yield lambda view: print(_over(_lines(view)), end="", file=out, flush=True)
    else:
        from trio_worker.status.screen import screen

        with screen(out) as show:
            yield show


def _lines(view: View) -> list[str]:
    fault = [view.fault] if view.fault else []
    return [tables.total(view.state, view.history), "", *view.workers.lines(), "", *view.requests().lines(), *fault]


def _over(lines: list[str]) -> str:
    """Return the lines as they are drawn over those of before."""
    return _HOME + "".join(f"{line}{_LINE}\n" for line in lines) + _REST


@contextlib.contextmanager
def _keys(out: TextIO) -> Iterator[Callable[[float], str]]:
    """Yield what waits some seconds for a key and returns it, "" where none was pressed."""
    # With its output elsewhere it may run in the background of a shell, which stops it if it touches the terminal.
    if sys.stdin is None or not sys.stdin.isatty() or not out.isatty():
        yield _wait
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield _wait_for_key
    finally:
        with contextlib.suppress(termios.error):  # The terminal is gone.
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _wait(timeout: float) -> str:
    select.select([], [], [], timeout)
    return ""


def _wait_for_key(timeout: float) -> str:
    # The descriptor itself, because a buffer of Python would keep what `select` does not see.
    if not select.select([sys.stdin.fileno()], [], [], timeout)[0]:
        return ""
    try:
        return os.read(sys.stdin.fileno(), 1).decode("latin-1") or "q"
    except OSError:  # The terminal is gone.
        return "q"
