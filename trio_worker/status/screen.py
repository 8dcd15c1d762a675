"""The live table of `top`, drawn by rich. Whatever a client has sent is drawn as text, never as rich's markup."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table as Drawn
from rich.text import Text

from trio_worker.status import tables
from trio_worker.status.view import View

# The colours of the states of a worker.
_STYLES = {
    "accepting": "green",
    "not answering": "bold red",
    "starting": "yellow",
    "draining": "yellow",
    "paused": "yellow",
    "cheap": "dim",
    "ended": "dim",
}

# Columns that may be cut off where there is no room for them, and those that a terminal narrower than so many letters
# has not.
_CUT = frozenset({"request", "waits at", "state"})
_WIDE = 118
_LEFT_OUT = frozenset({"process", "open", "requests", "respawns", "client"})


@contextmanager
def screen(out: TextIO) -> Iterator[Callable[[View], None]]:
    """Take the whole screen, and yield what shows a view on it; afterwards the terminal is what it was."""
    console = Console(file=out)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda view: live.update(draw(view, *console.size), refresh=True)


def draw(view: View, width: int, height: int) -> RenderableType:
    """Return the view for a terminal of this size: of the requests as many as there is room for."""
    title = Text(f"trio-worker {view.state['version']}".rstrip(), "bold")
    title.append(f"   {tables.total(view.state, view.history)}", "not bold")
    title.append(f"   q ends · s sorts (by {view.order})", "not bold dim")
    fault = [Text(view.fault, "bold red")] if view.fault else []
    workers = view.workers
    lines = sum(-(-len(each) // width) for each in (title, *fault)) + len(workers.rows) + len(("", "", "head", "head"))
    listed = len(view.state["requests"])
    shown = listed if lines + listed <= height else max(1, height - lines - 1)
    more = [Text(f"and {listed - shown} more", "dim")] if shown < listed else []
    return Group(title, *fault, Text(), _table(workers, width), Text(), _table(view.requests(shown), width), *more)


def _table(table: tables.Table, width: int) -> Drawn:
    shown = [place for place, name in enumerate(table.head) if width >= _WIDE or name not in _LEFT_OUT]
    drawn = Drawn(box=None, padding=(0, 2, 0, 0), header_style="bold dim")
    for name in (table.head[place] for place in shown):
        # Columns that may be broken are those that rich makes narrow; their cells are cut off instead.
        drawn.add_column(name, justify="right" if name in table.numbers else "left", no_wrap=name not in _CUT)
    for row in table.rows:
        cells = [Text(row[place], _STYLES.get(row[place], ""), no_wrap=True, overflow="ellipsis") for place in shown]
        drawn.add_row(*cells)
    return drawn
