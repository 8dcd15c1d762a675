"""`trio-worker top`: the workers and what they run, once a second, until q or an interruption ends it.

In a terminal where `rich` is installed it is a live table; elsewhere the same as plain text.
"""

import contextlib
import importlib.util
import json
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from typing import TextIO

from trio_worker.status import tables
from trio_worker.status.client import Place
from trio_worker.status.view import View

# Seconds between two looks.
INTERVAL = 1.0

# To the upper left corner; from there to the end of the screen; to the end of the line.
_HOME, _REST, _LINE = "\x1b[H", "\x1b[J", "\x1b[K"

PLAIN = "trio-worker: plain text, because rich is not installed: pip install 'trio-worker[top]'"


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
    with _showing(out, as_json) as show, _keys() as key:
        show(view)
        while (pressed := key(INTERVAL)) != "q":
            if pressed == "s":
                view.turn()
            else:
                view.look(place)
            show(view)


@contextlib.contextmanager
def _showing(out: TextIO, as_json: bool) -> Iterator[Callable[[View], None]]:
    """Yield what shows a view."""
    if as_json:
        yield lambda view: print(json.dumps(view.state), file=out, flush=True)
    elif not out.isatty():
        yield lambda view: _write(view, out)
    elif importlib.util.find_spec("rich") is None:
        print(PLAIN, file=sys.stderr)
        yield lambda view: _write(view, out)
    else:
        from trio_worker.status.screen import screen

        with screen(out) as show:
            yield show


def _write(view: View, out: TextIO) -> None:
    lines = [tables.total(view.state, view.history), "", *view.workers.lines(), "", *view.requests.lines(), view.fault]
    out.write(_HOME + "".join(f"{line}{_LINE}\n" for line in lines) + _REST)
    out.flush()


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Yield what waits some seconds for a key and returns it, "" where none was pressed."""
    if not sys.stdin.isatty():
        yield _wait
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield _wait_for_key
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _wait(timeout: float) -> str:
    select.select([], [], [], timeout)
    return ""


def _wait_for_key(timeout: float) -> str:
    # The descriptor itself, because a buffer of Python would keep what `select` does not see.
    if not select.select([sys.stdin.fileno()], [], [], timeout)[0]:
        return ""
    return os.read(sys.stdin.fileno(), 1).decode("latin-1") or "q"
