"""`trio-worker status | top | tasks | requests | cancel | drain`: the status socket asked by a person or a script."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from trio_worker.master.access_log.format import printable
from trio_worker.status.client import Place, StatusError, find

# Exit statuses: done, refused or not there.
DONE, REFUSED = 0, 1

# Seconds between two looks of `top`.
INTERVAL = 1.0

# To the upper left corner; from there to the end of the screen; to the end of the line.
_HOME, _REST, _LINE = "\x1b[H", "\x1b[J", "\x1b[K"

# Requests that `top` lists.
LISTED = 20


def main(command: str, file: str, operand: str | None, as_json: bool, out: TextIO = sys.stdout) -> int:
    """Run one of the commands; returns its exit status.

    Args:
        command: its name.
        file: an ini, or the address of a status socket.
        operand: a worker's number or a request's id, where the command takes one.
        as_json: whether the answer is printed as it came.
        out: where to.
    """
    try:
        place = find(file)
        if command == "top":
            return _top(place, out)
        found = _ask(place, command, operand)
    except StatusError as error:
        print(f"trio-worker: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return DONE
    if as_json:
        print(json.dumps(found), file=out)
    else:
        for line in _lines(command, found):
            print(line, file=out)
    return DONE


def _ask(place: Place, command: str, operand: str | None) -> Any:
    if command == "cancel":
        return place.ask(f"/cancel?request={operand}", "POST")
    if command == "drain":
        return place.ask(f"/drain?worker={operand}", "POST")
    state = place.ask("/state")
    if command == "requests":
        return state["requests"]
    if command == "tasks":
        numbers = [operand] if operand else [str(each["id"]) for each in state["workers"] if each["pid"] > 0]
        return {number: place.ask(f"/tasks?worker={number}")["tree"] for number in numbers}
    return state


def _lines(command: str, found: Any) -> Iterator[str]:
    if command == "requests":
        yield from _requests(found)
    elif command == "tasks":
        for number, tree in found.items():
            yield f"worker {number}"
            yield from _task(tree, 1)
    elif command == "status":
        yield from _workers(found["workers"], {})
        for kind in ("errors", "slow", "cancelled"):
            yield f"{kind}: {len(found[kind])}"
        yield f"running requests: {len(found['requests'])}"
    else:
        yield "done"


def _top(place: Place, out: TextIO) -> int:
    """Show workers and requests, once a second, until the terminal interrupts it."""
    before: dict[int, tuple[float, int]] = {}
    while True:
        state = place.ask("/state")
        now = {each["id"]: (state["now"], sum(each["times"])) for each in state["workers"]}
        rates = {
            number: (count - before[number][1]) / max(0.001, at - before[number][0])
            for number, (at, count) in now.items()
            if number in before
        }
        lines = [*_workers(state["workers"], rates), "", *_requests(state["requests"][:LISTED])]
        out.write(_HOME + "".join(f"{line}{_LINE}\n" for line in lines) + _REST)
        out.flush()
        before = now
        time.sleep(INTERVAL)


def _workers(workers: Sequence[Any], rates: dict[int, float]) -> Iterator[str]:
    head = ("worker", "state", "process", "running", "requests", "per second", "loop lag", "memory", "respawns")
    rows = [
        (
            str(each["id"]),
            each["state"],
            str(each["pid"]),
            str(each["running"]),
            str(sum(each["times"])),
            f"{rates[each['id']]:.0f}" if each["id"] in rates else "",
            f"{each['lag'] / 1000:.1f} ms",
            f"{each['resident'] // 1048576} MiB",
            str(each["respawns"]),
        )
        for each in workers
    ]
    return _table(head, rows)


def _requests(requests: Sequence[Any]) -> Iterator[str]:
    rows = [
        (
            each["id"],
            f"{each['age']:.1f} s",
            f"{each['method']} {each['path']}",
            each["client"],
            _place(each["waits_at"]),
        )
        for each in requests
    ]
    return _table(("id", "age", "request", "client", "waits at"), rows)


def _asked(request: Any) -> str:
    return f"{request['method']} {request['path']}"


def _place(line: Any) -> str:
    return f"{line['file']}:{line['line']} in {line['function']}" if line else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    # Clients choose parts of it, and a terminal obeys what it is sent.
    table = [head, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _task(task: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}- {printable(task['name'])}"
    for each in task["frames"]:
        yield f"{indent}    {_place(each)}"
    for each in task["inside"]:
        words = [
            "cancelled" if each["cancelled"] else "",
            "shielded" if each["shield"] else "",
            "" if each["left"] is None else f"{each['left']:.1f} s left",
        ]
        yield f"{indent}    [{' '.join([each['kind'], *filter(None, words)])}]"
        for child in each.get("tasks", ()):
            yield from _task(child, depth + 3)
        if each.get("more"):
            yield f"{indent}      {each['more']} more tasks"
