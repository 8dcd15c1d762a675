"""
A trial of the app that an ini names, in a process of its own: import, lifespan startup, one request, shutdown.

What would keep a worker from starting shows here, while the old code serves. The child has the ini's own `chdir`,
`pythonpath`, `virtualenv` and `env`; it binds no socket, and does not know uWSGI's modules.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import trio

from trio_worker import options
from trio_worker.application.kinds import AppError
from trio_worker.application.lifespan import Lifespan, LifespanError
from trio_worker.application.loading import Mounts, load
from trio_worker.asgi import App, Message
from trio_worker.check.configuration import Configuration, app_place
from trio_worker.check.values import run_python

# The options that decide what a worker loads.
KEYS = ("module", "wsgi", "wsgi-file", "file", "callable", "import", "chdir2", "lazy-apps")

# With `-m` Python would warn, before what the app says, that the package has imported this module already.
CHILD = "import sys; from trio_worker.check.trial import main; main(sys.argv[1])"

# Seconds for all of it, and within it for the app's shutdown.
TIMEOUT = 60.0
SHUTDOWN = 5.0


class TrialError(Exception):
    """The app would not start; the message says why, with file and line where Python knows them."""


def try_app(ini: Configuration, probe: str | None) -> None:
    """
    Load and start the app that this ini names, and ask it for the path `probe`.

    Raises TrialError where that fails.
    """
    given = {key: value for key in KEYS if (value := ini.last(key)) is not None}
    mounts = dict(each.value.split("=", 1) for each in ini.all("mount") if "=" in each.value)
    try:
        done = run_python(["-c", CHILD, json.dumps([given, mounts, probe])], app_place(ini), TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise TrialError(f"the app did not start within {TIMEOUT:g} s") from error
    except OSError as error:
        raise TrialError(f"the app was not started: {error}") from error
    # An app that asks for the module uwsgi can be tried inside of uWSGI only: the workers themselves are its trial.
    if done.returncode and "No module named 'uwsgi'" not in done.stderr:
        raise TrialError(done.stderr.strip() or f"the app's process ended with status {done.returncode}")


def main(argument: str) -> None:
    """Do in the child what `try_app` asks for; the reason why it fails goes to standard error."""
    given, mounts, probe = json.loads(argument)
    try:
        app = load(options.parse(given), mounts)
        trio.run(_start, app, probe)
    except* (AppError, LifespanError, TrialError) as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if error.__cause__ is not None:
            sys.excepthook(type(error.__cause__), error.__cause__, error.__cause__.__traceback__)
        print(error, file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)


async def _start(app: App, probe: str | None) -> None:
    state: dict[str, Any] = {"draining": trio.Event()}
    apps = [each for _, each in app.apps] if isinstance(app, Mounts) else [app]
    async with trio.open_nursery() as nursery:
        started = [Lifespan(each, state) for each in {id(each): each for each in apps}.values()]
        for lifespan in started:
            nursery.start_soon(lifespan.run)
            await lifespan.startup()
        if probe is not None:
            await _ask(app, probe, state)
        for lifespan in reversed(started):
            await lifespan.shutdown(SHUTDOWN)
        nursery.cancel_scope.cancel()


async def _ask(app: App, path: str, state: Mapping[str, Any]) -> None:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(_scope(path, state), receive, send)
    if not statuses or statuses[0] >= 500:
        raise TrialError(f"GET {path} was answered with {statuses[0] if statuses else 'nothing'}")


def _scope(path: str, state: Mapping[str, Any]) -> dict[str, Any]:
    bare, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": dict(state),
        "extensions": {},
    }
