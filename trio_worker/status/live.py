"""The live state of this worker: what it runs, where that waits, and what has just gone wrong. Made when asked for."""

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from heapq import nlargest
from typing import Any, TypeVar

import trio

from trio_worker.application.recent import MOST_TEXT, Recent, client, path
from trio_worker.application.running import Running
from trio_worker.application.session import Runs
from trio_worker.application.tasks import tasks_of, tasks_within, tree, tree_within, waits_at
from trio_worker.http.service import Service
from trio_worker.master.access_log.following import protocol
from trio_worker.refusal import Refusal

BY_OPERATOR = Refusal(503, "The request was cancelled by an operator.", "operator")

# Requests that are listed, the oldest ones, and as many WebSocket sessions.
MOST_REQUESTS = 200

# Tasks of a request that run elsewhere, as in a nursery of the app's, and are shown.
MOST_ELSEWHERE = 20

Runner = Running | Runs
R = TypeVar("R", Running, Runs)


class Live:
    """The live state of one worker.

    Args:
        service: the app's.
        number: of the worker.
        recent: what has ended badly or late.
    """

    def __init__(self, service: Service, number: int, recent: Recent) -> None:
        self._service = service
        self._number = number
        self._recent = recent
        # Names of requests that somebody has seen; they belong to this process, so an old one cancels nothing else.
        self._names: dict[Runner, str] = {}
        self._named = 0

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what another process of this instance asks for; what it does not know is answered with nothing."""
        if asked.get("ask") == "state":
            return self.state()
        if asked.get("ask") == "request":
            return self.request(str(asked.get("id")))
        if asked.get("ask") == "tasks":
            return self.tasks()
        if asked.get("do") == "cancel":
            return {"done": self.cancel(str(asked.get("id")))}
        if asked.get("do") == "drain":
            os.kill(os.getpid(), signal.SIGHUP)
            return {"done": True}
        return {}

    def state(self) -> dict[str, Any]:
        """Return all but the trees."""
        application = self._service.application
        oldest: list[Runner] = [*_oldest(application.in_flight), *_oldest(application.sessions)]
        tasks = tasks_of(oldest)
        self._forget()
        return {
            "pid": os.getpid(),
            "draining": self._service.draining.is_set(),
            "running": application.count_running(),
            "connections": len(self._service.connections),
            "requests": [self._show(each, tasks.get(each, [None])[0]) for each in oldest],
            **self._recent.show(),
        }

    def request(self, name: str) -> dict[str, Any]:
        """Return a request or session with its tasks; nothing where it has ended."""
        request = self._find(name)
        if request is None:
            return {}
        own, *others = tasks_of([request]).get(request, [None])
        found = None if own is None else tree(own, request.cancel_scope)
        elsewhere = [tree_within(each) for each in others[:MOST_ELSEWHERE] if each is not None]
        return {**self._show(request, own), "tree": found, "elsewhere": elsewhere}

    def tasks(self) -> dict[str, Any]:
        """Return every task of this process."""
        root = trio.lowlevel.current_root_task()
        return {"pid": os.getpid(), "tree": None if root is None else tree(root)}

    def cancel(self, name: str) -> bool:
        """Cancel a request or session; False where it has ended."""
        request = self._find(name)
        if request is not None:
            request.cancel(BY_OPERATOR)
        return request is not None

    def _find(self, name: str) -> Runner | None:
        return next((each for each, known in self._names.items() if known == name and self._runs(each)), None)

    def _forget(self) -> None:
        self._names = {each: name for each, name in self._names.items() if self._runs(each)}

    def _runs(self, request: Runner) -> bool:
        application = self._service.application
        return request in application.in_flight or request in application.sessions

    def _name(self, request: Runner) -> str:
        if request not in self._names:
            self._named += 1
            self._names[request] = f"{os.getpid()}-{self._named}"
        return self._names[request]

    def _show(self, request: Runner, task: trio.lowlevel.Task | None) -> dict[str, Any]:
        tasks = [] if task is None else tasks_within(task)
        return {
            "id": self._name(request),
            "worker": self._number,
            "method": request.scope.get("method", "WEBSOCKET"),
            "path": path(request),
            "route": _route(request, tasks)[:MOST_TEXT],
            "client": client(request),
            "protocol": protocol(request),
            "age": round(time.perf_counter() - request.began, 3),
            "begun": getattr(request, "begun", request.status != 0),
            "sent": request.sent,
            "cancelled": request.cancel_scope is not None and request.cancel_scope.cancel_called,
            "waits_at": waits_at(*tasks),
            **({} if isinstance(request, Running) else _messages(request)),
        }


def _oldest(requests: Iterable[R]) -> list[R]:
    now = time.perf_counter()
    return nlargest(MOST_REQUESTS, requests, key=lambda each: now - each.began)


def _messages(session: Runs) -> dict[str, int]:
    return {"messages_in": session.messages_in, "messages_out": session.messages_out}


def _route(request: Runner, tasks: Iterable[trio.lowlevel.Task]) -> str:
    """Return the rule of Quart, or the route of Starlette, that the app has matched; "" where there is none."""
    with suppress(Exception):  # These are objects of the app's, which may be anything.
        if (route := request.scope.get("route")) is not None:
            return f"{request.scope.get('root_path', '')}{getattr(route, 'path', '')}"
        rule = getattr(getattr(request, "asked", None), "url_rule", None)
        rules = (rule, *_rules_of_websockets(() if isinstance(request, Running) else tasks))
        return next((str(each.rule) for each in rules if each is not None), "")
    return ""


def _rules_of_websockets(tasks: Iterable[trio.lowlevel.Task]) -> Iterator[Any]:
    """Yield the rules of the WebSockets of Quart that these tasks know; it is imported where the app does that."""
    quart: Any = sys.modules.get("quart")
    for task in tasks if quart is not None else ():
        with suppress(RuntimeError, AttributeError):  # Outside of a WebSocket of Quart.
            yield task.context.run(getattr, quart.websocket, "url_rule")
