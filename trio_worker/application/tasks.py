"""Trio's tasks as somebody who looks for a fault sees them: nurseries, cancel scopes, and the line that each waits at.

SIGUSR2 and harakiri write them as text, the status page shows them as a tree.
"""

import linecache
import os
import sysconfig
from collections.abc import Iterable, Iterator
from math import isinf
from typing import Any, TypeVar

import trio

from trio_worker.application.current import CURRENT
from trio_worker.asgi import Record

R = TypeVar("R", bound=Record)

# Tasks and frames of each that a tree has at most; what is beyond is left out.
MOST_TASKS = 300
MOST_FRAMES = 40

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
    return "\n".join(_lines(task, 0))


def _lines(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}- {task.name}"
    for frame, line in task.iter_await_frames():
        code = frame.f_code
        yield f"{indent}    {code.co_filename}:{line} in {code.co_name}"
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _lines(child, depth + 1)


def tasks_of(requests: Iterable[R]) -> dict[R, trio.lowlevel.Task]:
    """Return the task that each request or session runs in: the outermost one that knows it as its current one."""
    root = trio.lowlevel.current_root_task()
    return {} if root is None else dict(_find(root, set(requests)))


def _find(task: trio.lowlevel.Task, wanted: set[R]) -> Iterator[tuple[R, trio.lowlevel.Task]]:
    request: Any = task.context.get(CURRENT)
    if request is not None and request in wanted:
        yield request, task
        return
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _find(child, wanted)


def tasks_within(task: trio.lowlevel.Task) -> list[trio.lowlevel.Task]:
    """Return a task and those below it, the nearest first, up to a number."""
    found = [task]
    for each in found:
        if len(found) >= MOST_LOOKED_AT:
            break
        found += [child for nursery in each.child_nurseries for child in nursery.child_tasks]
    return found[:MOST_LOOKED_AT]


def waits_at(*tasks: trio.lowlevel.Task) -> dict[str, Any] | None:
    """Return the innermost line of the app that one of the tasks waits at, the first that waits at one.

    Where no line is the app's, it is that of a library, and where there is none of those, of anybody.
    """
    lines = [_places(task) for task in tasks]
    for foreign in ((_OURS, _TRIO, *_LIBRARIES), (_OURS, _TRIO), ()):
        for each in lines:
            if theirs := [line for line in each if not line[0].startswith(foreign)]:
                return _line(*theirs[-1])
    return None


def _places(task: trio.lowlevel.Task) -> list[tuple[str, int, str]]:
    return [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in task.iter_await_frames()]


def tree(task: trio.lowlevel.Task, outermost: trio.CancelScope | None = None) -> dict[str, Any]:
    """Return a task as a tree for JSON.

    Args:
        task: at its root.
        outermost: the first cancel scope that is told of; None for all of them.
    """
    return _Tree(outermost).of(task)


class _Tree:
    """A tree as it is made.

    Args:
        outermost: see `tree`.
    """

    def __init__(self, outermost: trio.CancelScope | None) -> None:
        self._outermost = outermost
        self._left = MOST_TASKS

    def of(self, task: trio.lowlevel.Task, within: trio.CancelScope | None = None) -> dict[str, Any]:
        """Return a task with what it is in, the outermost cancel scope first.

        Args:
            task: see `tree`.
            within: of the nursery that the task runs in.
        """
        self._left -= 1
        frames = [_line(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in _frames(task)]
        nurseries = {nursery.cancel_scope: nursery for nursery in task.child_nurseries}
        inside: list[dict[str, Any]] = []
        for scope in _scopes(task, within or self._outermost, within is None):
            nursery = nurseries.pop(scope, None)
            inside.append(_scope(scope) if nursery is None else self._nursery(nursery))
        inside += [self._nursery(each) for each in nurseries.values()]
        return {"name": task.name, "waits_at": waits_at(task), "frames": frames, "inside": inside}

    def _nursery(self, nursery: trio.Nursery) -> dict[str, Any]:
        children = list(nursery.child_tasks)
        shown = [self.of(child, nursery.cancel_scope) for child in children if self._left > 0]
        more = len(children) - len(shown)
        return {**_scope(nursery.cancel_scope), "kind": "nursery", "tasks": shown, "more": more}


def _frames(task: trio.lowlevel.Task) -> list[tuple[Any, int]]:
    return list(task.iter_await_frames())[-MOST_FRAMES:]


def _scopes(task: trio.lowlevel.Task, until: trio.CancelScope | None, inclusive: bool) -> list[trio.CancelScope]:
    """Return the cancel scopes that a task is in, the outermost first, up to `until`.

    Trio has no public way to them. Where its own way changes, trees show none but those of nurseries.
    """
    found: list[trio.CancelScope] = []
    status: Any = getattr(task, "_cancel_status", None)
    while status is not None:
        scope = getattr(status, "_scope", None)
        if scope is None or (scope is until and not inclusive):
            break
        found.insert(0, scope)
        if scope is until:
            break
        status = getattr(status, "_parent", None)
    return found


def _scope(scope: trio.CancelScope) -> dict[str, Any]:
    left = scope.deadline - trio.current_time()
    return {
        "kind": "scope",
        "left": None if isinf(left) else round(left, 3),
        "shield": scope.shield,
        "cancelled": scope.cancel_called,
    }


def _line(file: str, line: int, function: str) -> dict[str, Any]:
    return {"file": file, "line": line, "function": function, "code": linecache.getline(file, line).strip()}
