"""The state of an instance as tables of text: a head, and rows of cells that no client can break out of."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from trio_worker.master.access_log.format import printable
from trio_worker.status.history import Figures, History

# The orders in which requests can be shown; the first is the default.
ORDERS = ("age", "worker", "request", "client")

# Letters that others keep free for a column of plain text: a client may send a path that is longer than any line.
_WIDEST = 60


class Table(NamedTuple):
    """A table.

    Attributes:
        head: the names of the columns.
        rows: of as many cells.
        numbers: the columns that are numbers, and stand to the right.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[str] = frozenset()

    def lines(self) -> Iterator[str]:
        """Yield it as plain lines."""
        table = [self.head, *self.rows]
        widths = [min(_WIDEST, max(len(row[place]) for row in table)) for place in range(len(self.head))]
        for row in table:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def workers(found: Sequence[Any], history: History | None = None) -> Table:
    """Return the table of the workers.

    Args:
        found: the workers.
        history: for what is known of two looks alone, None where there was one.
    """
    head = ["worker", "state", "process", "running", "open", "requests", "lag", "memory", "respawns"]
    rows = [_worker(each) for each in found]
    if history is not None:
        head += _MEASURED
        rows = [[*row, *_measured(history.of(each["id"]))] for row, each in zip(rows, found, strict=True)]
    return Table(head, rows, frozenset(head) - {"state"})


def requests(found: Iterable[Any]) -> Table:
    """Return the table of the requests and WebSocket sessions that run."""
    return Table(("id", "age", "request", "client", "waits at"), [_request(each) for each in found], frozenset({"age"}))


def total(state: Any, history: History) -> str:
    """Return a line on all workers together."""
    figures = history.of(*(each["id"] for each in state["workers"]))
    running = sum(each["running"] for each in state["workers"])
    return (
        f"{figures.rate:.0f} requests/s, half below {duration(figures.half)}, 99 of 100 below "
        f"{duration(figures.most)}, {running} running"
    )


def in_order(found: Iterable[Any], order: str) -> list[Any]:
    """Return the requests by one of ORDERS, WebSocket sessions behind them; the oldest come first among equals."""
    keys = {"worker": lambda each: each["worker"], "request": asked, "client": lambda each: each["client"]}
    oldest = sorted(found, key=lambda each: -float(each["age"]))
    ordered = sorted(oldest, key=keys[order]) if order in keys else oldest
    # Sessions last for hours, and would hide every request.
    return sorted(ordered, key=lambda each: each["protocol"] == "websocket")


def asked(request: Any) -> str:
    """Return what a client has asked for, and the messages of a session so far."""
    messages = f" ({request['messages_in']} in, {request['messages_out']} out)" if "messages_in" in request else ""
    return f"{request['method']} {request['path']}{messages}"


def place(line: Any) -> str:
    """Return where a task waits."""
    return f"{line['file']}:{line['line']} in {line['function']}" if line else ""


def nearby(line: Any) -> str:
    """Return where a task waits, the file without most of its folders."""
    return place(line and {**line, "file": "/".join(line["file"].split("/")[-2:])})


def duration(micros: float | None) -> str:
    """Return a time as somebody reads it."""
    if micros is None:
        return "-"
    if micros < 1000:
        return f"{micros:.0f} us"
    return f"{micros / 1000:.1f} ms" if micros < 1_000_000 else f"{micros / 1_000_000:.1f} s"


_MEASURED = ["req/s", "p50", "p99", "CPU"]


def _measured(figures: Figures) -> list[str]:
    return [f"{figures.rate:.0f}", duration(figures.half), duration(figures.most), f"{figures.busy * 100:.0f} %"]


def _worker(worker: Any) -> list[str]:
    return [
        str(worker["id"]),
        worker["state"],
        str(worker["pid"]),
        str(worker["running"]),
        str(worker["connections"]),
        str(sum(worker["times"])),
        f"{worker['lag'] / 1000:.1f} ms",
        f"{worker['resident'] // 1048576} MiB",
        str(worker["respawns"]),
    ]


def _request(request: Any) -> list[str]:
    cells = [request["id"], f"{request['age']:.1f} s", asked(request), request["client"], nearby(request["waits_at"])]
    # Clients choose parts of it, and a terminal obeys what it is sent.
    return [printable(cell) for cell in cells]
