"""`trio-worker status | top | tasks | requests | cancel | drain`: the status socket asked by a person or a script."""

import json
import sys
from collections.abc import Iterator
from typing import Any, TextIO
from urllib.parse import quote

from trio_worker.master.access_log.format import printable
from trio_worker.status import tables
from trio_worker.status.client import Place, StatusError, find
from trio_worker.status.top import top

# Exit statuses: done, refused or not there.
DONE, REFUSED = 0, 1


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
            top(place, as_json, out)
            return DONE
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
    named = quote(operand or "", safe="")
    if command == "cancel":
        return place.ask(f"/cancel?request={named}", "POST")
    if command == "drain":
        return place.ask(f"/drain?worker={named}", "POST")
    if command == "tasks" and operand:
        return {operand: place.ask(f"/tasks?worker={named}")["tree"]}
    state = place.ask("/state")
    if command == "requests":
        return state["requests"]
    if command == "tasks":
        return {str(each["id"]): _tasks(place, each["id"]) for each in state["workers"] if each["pid"] > 0}
    return state


def _tasks(place: Place, number: int) -> Any:
    """Return the task tree of one of several workers, None where it does not answer."""
    try:
        return place.ask(f"/tasks?worker={number}")["tree"]
    except StatusError:
        return None


def _lines(command: str, found: Any) -> Iterator[str]:
    if command == "requests":
        yield from tables.requests(found).lines()
    elif command == "tasks":
        for number, tree in found.items():
            yield f"worker {number}" if tree else f"worker {number} does not answer"
            yield from _task(tree, 1) if tree else ()
    elif command == "status":
        yield from tables.workers(found["workers"]).lines()
        for kind in ("errors", "slow", "cancelled"):
            yield f"{kind}: {len(found[kind])}"
        yield f"running requests: {len(found['requests'])}"
    else:
        yield "done"


def _task(task: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}- {printable(task['name'])}"
    for each in task["frames"]:
        yield f"{indent}    {tables.place(each)}"
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
