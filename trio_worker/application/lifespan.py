"""ASGI lifespan: the app's startup before the first connection, its shutdown after the last.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html. An app that raises before it has asked for its first event
does not speak lifespan and is served without. One that raises after `lifespan.startup` has failed to start.
"""

import logging
import math
from typing import Any

import trio

from trio_worker.application.running import is_cancelled, split
from trio_worker.asgi import App, Message, type_of

log = logging.getLogger(__name__)


class LifespanError(Exception):
    """The app's startup failed; its cause, where there is one, is the app's own exception."""


class Lifespan:
    """The lifespan of one app, in a task of the worker's nursery.

    Args:
        app: the ASGI app.
        state: what the app sees as `scope["state"]` and may fill.
    """

    def __init__(self, app: App, state: dict[str, Any]) -> None:
        self._app = app
        self._scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": state,
        }
        self._to_app, self._events = trio.open_memory_channel[Message](math.inf)
        self._asked = False
        self._started = trio.Event()
        self._ended = trio.Event()
        self._answered_shutdown = trio.Event()
        self._failure: str | None = None
        self._error: BaseException | None = None

    async def run(self) -> None:
        """Run the app's lifespan callable until it returns; what it raises is kept, not raised.

        In a task of its own: Trio makes its end an error where it has left a nursery or a scope in disorder.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_app, name="lifespan")
        except BaseExceptionGroup as group:
            disorder, rest = group.split(RuntimeError)
            self._error = self._error or disorder
            if rest is not None:
                raise rest from None
        finally:
            self._ended.set()
            self._started.set()
            self._answered_shutdown.set()

    async def _run_app(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except trio.Cancelled as error:
            if is_cancelled():
                raise
            self._error = error
        except BaseExceptionGroup as group:
            cancelled, self._error = split(group)
            if cancelled is not None:
                raise cancelled from None
        except BaseException as error:
            self._error = error

    async def _receive(self) -> Message:
        self._asked = True
        return await self._events.receive()

    async def _send(self, message: Message) -> None:
        kind = type_of(message)
        if kind == "lifespan.startup.complete":
            self._started.set()
        elif kind == "lifespan.shutdown.complete":
            self._answered_shutdown.set()
        elif kind in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            self._failure = str(message.get("message", "")) or "the app gave no reason"
            self._started.set()
            self._answered_shutdown.set()
        else:
            raise RuntimeError(f"{kind!r} is no message that a lifespan can send")

    async def startup(self) -> None:
        """Start the app up.

        Raises:
            LifespanError: it failed to.
        """
        self._to_app.send_nowait({"type": "lifespan.startup"})
        await self._started.wait()
        if self._failure is not None:
            raise LifespanError(f"lifespan startup failed: {self._failure}") from self._error
        if self._error is not None and self._asked:
            raise LifespanError(f"lifespan startup failed: {self._error!r}") from self._error
        if self._ended.is_set():
            log.info("the app does not speak lifespan; serving it without")

    async def crashed(self) -> BaseException | None:
        """Wait until the lifespan ends by itself, which only a failing background task of the app makes it do."""
        await self._ended.wait()
        return self._error if self._asked else None

    async def shutdown(self, timeout: float) -> None:
        """Shut the app down within `timeout` seconds; a failure is logged, nothing is raised."""
        if self._ended.is_set():
            return
        self._to_app.send_nowait({"type": "lifespan.shutdown"})
        with trio.move_on_after(timeout) as scope:
            await self._answered_shutdown.wait()
        if scope.cancelled_caught:
            log.error("lifespan shutdown took longer than %g s; going on without", timeout)
        elif self._failure is not None or self._error is not None:
            log.error("lifespan shutdown failed: %s", self._failure, exc_info=self._error)
