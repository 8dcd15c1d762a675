"""What hooks, signals and endpoints note of a request, and who tells it: the blueprint that all endpoints belong to.

A request names itself in its header `X-Case`. What was noted for it, in order, is told by `/notes/<case>`, which leaves
a line in the log besides: what a request logged stands above it.
"""

import logging
from collections import defaultdict
from typing import Any

from quart import Blueprint, Quart, Response, g, got_request_exception, request, request_finished

log = logging.getLogger("quart_cases")
log.setLevel(logging.INFO)

# Seconds: one time-out that a test waits for, and a time that is surely longer.
SHORT = 0.1
LONG = 60.0

notes: defaultdict[str, list[str]] = defaultdict(list)

cases = Blueprint("cases", __name__)


class KnownError(Exception):
    """Has an error handler."""


def case() -> str:
    """What the current request calls itself."""
    return str(g.get("case", ""))


def note(text: str) -> None:
    """Note something for the current request."""
    notes[case()].append(text)


def fail(hook: str) -> None:
    """Raise when the request asks for it in its query."""
    if request.args.get("fail") == hook:
        raise ValueError(f"raised by {hook}")


def add_hooks(target: Quart | Blueprint, name: str) -> None:
    """Hooks that note their turn, and fail when they are asked to."""

    @target.before_request
    async def before() -> str | None:
        g.case = request.headers.get("X-Case") or case()  # What an app asks itself shares its context.
        note(f"{name} before_request")
        fail(f"{name} before_request")
        return "answered early" if request.args.get("answer") == name else None

    @target.after_request
    async def after(response: Response) -> Response:
        note(f"{name} after_request {response.status_code}")
        fail(f"{name} after_request")
        response.headers[f"X-{name}"] = "after"
        return response

    @target.teardown_request
    async def teardown(error: BaseException | None) -> None:
        note(f"{name} teardown_request {type(error).__name__}")
        fail(f"{name} teardown_request")


def add_app_hooks(app: Quart) -> None:
    """What only an app has: its context's end, signals, error handlers."""

    @app.teardown_appcontext
    async def teardown(error: BaseException | None) -> None:
        note(f"teardown_appcontext {type(error).__name__}")

    @app.errorhandler(404)
    async def not_found(error: Any) -> tuple[str, int]:
        return f"no such page: {error.description}", 404

    @app.errorhandler(KnownError)
    async def known(error: KnownError) -> tuple[str, int]:
        note(f"handled {error}")
        return f"known: {error}", 409

    async def raised(app: Quart, exception: BaseException, **_: Any) -> None:
        note(f"got_request_exception {type(exception).__name__}")

    async def finished(app: Quart, response: Response, **_: Any) -> None:
        note(f"request_finished {response.status_code}")

    got_request_exception.connect(raised, app, weak=False)
    request_finished.connect(finished, app, weak=False)


@cases.get("/notes/<name>")
async def tell(name: str) -> list[str]:
    log.info("the notes of %s", name)
    return notes[name]
