"""The live state of this worker: what it runs, where that waits, and what has just gone wrong. Made when asked for."""

import os
import signal
import time
from typing import Any

import trio

from trio_worker.application.recent import Recent, client
from trio_worker.application.running import Running
from trio_worker.application.tasks import tasks_of, tree, waits_at
from trio_worker.http.service import Service
from trio_worker.master.access_log.following import protocol
from trio_worker.refusal import Refusal

BY_OPERATOR = Refusal(503, "The request was cancelled by an operator.", "operator")

# Requests that are listed, the oldest first.
MOST_REQUESTS = 200


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
        self._names: dict[Running, str] = {}
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
        oldest = sorted(application.in_flight, key=lambda each: each.began)[:MOST_REQUESTS]
        tasks = tasks_of(oldest)
        self._forget()
        return {
            "pid": os.getpid(),
            "draining": self._service.draining.is_set(),
            "running": application.count_running(),
            "connections": len(self._service.connections),
            "requests": [self._show(each, tasks.get(each)) for each in oldest],
            **self._recent.show(),
        }

    def request(self, name: str) -> dict[str, Any]:
        """Return a request with its tasks; nothing where it has ended."""
        request = self._find(name)
        if request is None:
            return {}
        task = tasks_of([request]).get(request)
        found = None if task is None else tree(task, request.cancel_scope)
        return {**self._show(request, task), "tree": found}

    def tasks(self) -> dict[str, Any]:
        """Return every task of this process."""
        root = trio.lowlevel.current_root_task()
        return {"pid": os.getpid(), "tree": None if root is None else tree(root)}

    def cancel(self, name: str) -> bool:
        """Cancel a request; False where it has ended."""
        request = self._find(name)
        if request is not None:
            request.cancel(BY_OPERATOR)
        return request is not None

    def _find(self, name: str) -> Running | None:
        in_flight = self._service.application.in_flight
        return next((each for each, known in self._names.items() if known == name and each in in_flight), None)

    def _forget(self) -> None:
        in_flight = self._service.application.in_flight
        self._names = {each: name for each, name in self._names.items() if each in in_flight}

    def _name(self, request: Running) -> str:
        if request not in self._names:
            self._named += 1
            self._names[request] = f"{os.getpid()}-{self._named}"
        return self._names[request]

    def _show(self, request: Running, task: trio.lowlevel.Task | None) -> dict[str, Any]:
        rule = getattr(request.asked, "url_rule", None)
        return {
            "id": self._name(request),
            "worker": self._number,
            "method": request.scope["method"],
            "path": request.scope["path"],
            "route": str(getattr(rule, "rule", "") or ""),
            "client": client(request),
            "protocol": protocol(request),
            "age": round(time.perf_counter() - request.began, 3),
            "begun": request.begun,
            "sent": request.sent,
            "cancelled": request.cancel_scope is not None and request.cancel_scope.cancel_called,
            "waits_at": None if task is None else waits_at(task),
        }
