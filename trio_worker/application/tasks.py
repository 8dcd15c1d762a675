"""Trio's tasks as somebody who looks for a fault sees them: nurseries, cancel scopes, and the line that each waits at.

SIGUSR2 and harakiri write them as text, the status page shows them as a tree.
"""

import linecache
import os
import sysconfig
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from math import isinf
from typing import Any, TypeVar

import trio

from trio_worker.application.current import CURRENT
from trio_worker.asgi import Record

R = TypeVar("R", bound=Record)

# Tasks of a tree at most, one within the other, frames and cancel scopes of each; what is beyond is left out. Whoever
# reads JSON follows a thousand brackets within brackets, and a task takes four of them.
MOST_TASKS = 300
MOST_DEPTH = 100
MOST_FRAMES = 40
MOST_SCOPES = 40

# Tasks that a text has at most, and how far one is indented.
MOST_TOLD = 1000
MOST_INDENT = 40

# Characters of a task's name, which its app may choose, and of a line of code, which a program may have written.
MOST_NAME = 200

# Tasks that are looked at for the line of the app's that a request waits at.
MOST_LOOKED_AT = 20

# Where a line is no line of the app's; and where it is most likely that of a library.
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_TRIO = os.path.dirname(trio.__file__) + os.sep
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib", "stdlib")})


def task_tree() -> str:
    """Return every Trio task of this process with the lines of its stack, indented by nursery."""
    root = trio.lowlevel.current_root_task()
    return "" if root is None else describe(root)


def describe(task: trio.lowlevel.Task) -> str:
    """Return a task and those in its nurseries with the lines of their stacks, indented by nursery."""
    tasks = list(_walk(task))
    lines = [line for each, depth in tasks[:MOST_TOLD] for line in _lines(each, depth)]
    return "\n".join([*lines, f"and {len(tasks) - MOST_TOLD} more tasks"] if len(tasks) > MOST_TOLD else lines)


def _walk(task: trio.lowlevel.Task) -> Iterator[tuple[trio.lowlevel.Task, int]]:
    """Yield a task and all below it with their depths, each before its children; apps may nest very many."""
    left = [(task, 0)]
    while left:
        each, depth = left.pop()
        yield each, depth
        left += [(child, depth + 1) for child in reversed(_children(each))]


def _children(task: trio.lowlevel.Task) -> list[trio.lowlevel.Task]:
    return [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def _lines(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    indent = "  " * min(depth, MOST_INDENT)
    yield f"{indent}- {task.name[:MOST_NAME]}"
    for frame, line in task.iter_await_frames():
        code = frame.f_code
        yield f"{indent}    {code.co_filename}:{line} in {code.co_name}"


def tasks_of(requests: Iterable[R]) -> dict[R, list[trio.lowlevel.Task]]:
    """Return the tasks that each request or session has, but for those below them: the one that runs it comes first.

    The others are what it has started elsewhere, as in a nursery of the app's or by `trio.from_thread`.
    """
    root = trio.lowlevel.current_root_task()
    found: defaultdict[R, list[trio.lowlevel.Task]] = defaultdict(list)
    for request, task in () if root is None else _find(root, set(requests)):
        found[request].append(task)
    return {request: _own_first(request, tasks) for request, tasks in found.items()}


def _own_first(request: Record, tasks: list[trio.lowlevel.Task]) -> list[trio.lowlevel.Task]:
    own: Any = getattr(request, "cancel_scope", None)
    return sorted(tasks, key=lambda task: own not in _around(task))


def _find(root: trio.lowlevel.Task, wanted: set[R]) -> Iterator[tuple[R, trio.lowlevel.Task]]:
    left = [root]
    while left:
        each = left.pop()
        request: Any = each.context.get(CURRENT)
        if request is not None and request in wanted:
            yield request, each
        else:
            left += _children(each)


def tasks_within(task: trio.lowlevel.Task) -> list[trio.lowlevel.Task]:
    """Return a task and those below it, the nearest first, up to a number."""
    found = [task]
    for each in found:
        if len(found) >= MOST_LOOKED_AT:
            break
        found += _children(each)
    return found[:MOST_LOOKED_AT]


def waits_at(*tasks: trio.lowlevel.Task) -> dict[str, Any] | None:
    """Return the innermost line of the app that one of the tasks waits at, the first that waits at one.

    Where no line is the app's, it is that of a library, and where there is none of those, of anybody.
    """
    looked_at: list[list[tuple[str, int, str]]] = []
    for task in tasks:
        looked_at.append(_places(task))
        if theirs := _theirs(looked_at[-1], (_OURS, _TRIO, *_LIBRARIES)):
            return _line(*theirs[-1])
    # Trio's innermost line is that of every task that waits; its outermost is the function that was called.
    for foreign, which in (((_OURS, _TRIO), -1), ((_TRIO,), -1), ((), 0)):
        for each in looked_at:
            if theirs := _theirs(each, foreign):
                return _line(*theirs[which])
    return None


def _theirs(places: list[tuple[str, int, str]], foreign: tuple[str, ...]) -> list[tuple[str, int, str]]:
    return [place for place in places if not place[0].startswith(foreign)]


def _places(task: trio.lowlevel.Task) -> list[tuple[str, int, str]]:
    return [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in task.iter_await_frames()]


def tree(task: trio.lowlevel.Task, outermost: trio.CancelScope | None = None) -> dict[str, Any]:
    """Return a task as a tree for JSON.

    Args:
        task: at its root.
        outermost: the first cancel scope that is told of; None for all of them.
    """
    return _Tree(outermost).of(task)


def tree_within(task: trio.lowlevel.Task) -> dict[str, Any]:
    """Return a task as a tree for JSON, without the cancel scopes around the nursery that it runs in."""
    nursery = task.parent_nursery
    return _Tree(None).of(task, None if nursery is None else nursery.cancel_scope)


class _Tree:
    """A tree as it is made.

    Args:
        outermost: see `tree`.
    """

    def __init__(self, outermost: trio.CancelScope | None) -> None:
        self._outermost = outermost
        self._left = MOST_TASKS

    def of(self, task: trio.lowlevel.Task, within: trio.CancelScope | None = None, depth: int = 1) -> dict[str, Any]:
        """Return a task with what it is in, the outermost cancel scope first.

        Args:
            task: see `tree`.
            within: of the nursery that the task runs in.
            depth: of tasks within tasks.
        """
        self._left -= 1
        frames = [_line(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in _frames(task)]
        nurseries = {nursery.cancel_scope: nursery for nursery in task.child_nurseries}
        inside: list[dict[str, Any]] = []
        for scope in _scopes(task, within or self._outermost, within is None):
            nursery = nurseries.pop(scope, None)
            inside.append(_scope(scope) if nursery is None else self._nursery(nursery, depth))
        inside += [self._nursery(each, depth) for each in nurseries.values()]
        return {"name": task.name[:MOST_NAME], "waits_at": waits_at(task), "frames": frames, "inside": inside}

    def _nursery(self, nursery: trio.Nursery, depth: int) -> dict[str, Any]:
        children = list(nursery.child_tasks)
        shown: list[dict[str, Any]] = []
        for child in children if depth < MOST_DEPTH else ():
            if self._left <= 0:
                break
            shown.append(self.of(child, nursery.cancel_scope, depth + 1))
        more = len(children) - len(shown)
        return {**_scope(nursery.cancel_scope), "kind": "nursery", "tasks": shown, "more": more}


def _frames(task: trio.lowlevel.Task) -> list[tuple[Any, int]]:
    return list(task.iter_await_frames())[-MOST_FRAMES:]


def _around(task: trio.lowlevel.Task) -> Iterator[trio.CancelScope]:
    """Yield the cancel scopes that a task is in, the innermost first.

    Trio has no public way to them. Where its own way changes, trees show none but those of nurseries.
    """
    status: Any = getattr(task, "_cancel_status", None)
    while status is not None and (scope := getattr(status, "_scope", None)) is not None:
        yield scope
        status = getattr(status, "_parent", None)


def _scopes(task: trio.lowlevel.Task, until: trio.CancelScope | None, inclusive: bool) -> list[trio.CancelScope]:
    """Return the cancel scopes that a task is in, the outermost first, up to `until`; of very many the innermost."""
    found: list[trio.CancelScope] = []
    for scope in islice(_around(task), MOST_SCOPES):
        if scope is until and not inclusive:
            break
        found.append(scope)
        if scope is until:
            break
    return found[::-1]


def _scope(scope: trio.CancelScope) -> dict[str, Any]:
    left = scope.deadline - trio.current_time()
    return {
        "kind": "scope",
        "left": None if isinf(left) else round(left, 3),
        "shield": scope.shield,
        "cancelled": scope.cancel_called,
    }


def _line(file: str, line: int, function: str) -> dict[str, Any]:
    return {"file": file, "line": line, "function": function, "code": linecache.getline(file, line).strip()[:MOST_NAME]}
