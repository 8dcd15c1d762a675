"""The paths of the status socket that are read, and those that act.

| path | |
|---|---|
| GET / | the page |
| GET /state | all workers, their requests and what has gone wrong, as JSON |
| GET /events | the same once a second, as server-sent events |
| GET /tasks?request=ID, GET /tasks?worker=N | the task tree of a request or of a worker |
| GET /token | 204 to who knows the token, 404 where there is none |
| POST /cancel?request=ID, /drain?worker=N, /reload | act, with the token |
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from trio_worker.asgi import Scope, Send
from trio_worker.refusal import Refusal, answer
from trio_worker.status.answers import send_bytes, send_json
from trio_worker.status.app import Page
from trio_worker.status.instance import Instance
from trio_worker.status.page import pages as files
from trio_worker.status.watch import Watch

ENDED = Refusal(404, "There is no such request or worker any more.")
SILENT = Refusal(504, "The worker does not answer.")


def reading(instance: Instance, watch: Watch) -> dict[str, Page]:
    """Return the pages that are read, by their paths."""

    async def state(scope: Scope, send: Send) -> None:
        await send_json(send, await instance.state())

    async def tasks(scope: Scope, send: Send) -> None:
        request, worker = _parameter(scope, "request"), _parameter(scope, "worker")
        if request:
            found = await _ask(instance, instance.owner_of(request), {"ask": "request", "id": request})
        else:
            found = await _ask(instance, instance.pid_of(worker), {"ask": "tasks"})
        await _send(scope, send, found)

    return {**files(), "/state": state, "/events": watch.page, "/tasks": tasks}


def acting(instance: Instance, reload: Callable[[], object]) -> dict[str, Page]:
    """Return what acts, by its paths.

    Args:
        instance: on which it does.
        reload: replaces every worker.
    """

    async def cancel(scope: Scope, send: Send) -> None:
        request = _parameter(scope, "request")
        found = await _ask(instance, instance.owner_of(request), {"do": "cancel", "id": request})
        await _send(scope, send, found if not isinstance(found, dict) or found.get("done") else {})

    async def drain(scope: Scope, send: Send) -> None:
        await _send(scope, send, await _ask(instance, instance.pid_of(_parameter(scope, "worker")), {"do": "drain"}))

    async def reload_all(scope: Scope, send: Send) -> None:
        await send_json(send, {"done": True})
        reload()

    return {"/cancel": cancel, "/drain": drain, "/reload": reload_all}


async def know(scope: Scope, send: Send) -> None:
    """Tell somebody who knows the token that it is the right one."""
    await send_bytes(send, b"", b"text/plain", 204)


async def _ask(instance: Instance, pid: int, question: dict[str, Any]) -> dict[str, Any] | None:
    return await instance.ask(pid, question) if pid > 0 else {}


def _send(scope: Scope, send: Send, found: dict[str, Any] | None) -> Awaitable[None]:
    if found is None:
        return answer(scope, send, SILENT)
    return send_json(send, found) if found else answer(scope, send, ENDED)


def _parameter(scope: Scope, name: str) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get(name, [""])[0]
