"""The life of one worker: one nursery from the first signal to the exit code.

    load the app -> lifespan startup -> accept -> (reload: drain | destroy: abort) -> lifespan shutdown -> exit

uWSGI's master reads the exit code: 17 is a reload, 30 the end, 22 an app that could not be started.
"""

import enum
import logging
import os
import socket
import sys
from collections.abc import Callable
from math import inf
from typing import NoReturn

import trio
import uwsgi

from trio_worker import access_log, logs, quart, signals, watchdog
from trio_worker.application import Application
from trio_worker.asgi import App
from trio_worker.drain import abort, drain
from trio_worker.entrance import welcome
from trio_worker.hypercorn_config import make_config
from trio_worker.lifespan import Lifespan, LifespanError
from trio_worker.listeners import Listeners
from trio_worker.loading import AppError, Mounts, load, read_mounts
from trio_worker.metrics import Counters, Metrics
from trio_worker.options import OptionError, Options, parse
from trio_worker.service import Service
from trio_worker.wire import SocketWire

log = logging.getLogger(__name__)

# uWSGI's code for an app that failed to load (UWSGI_FAILED_APP_CODE).
FAILED_APP = 22

# Seconds after which a destroyed worker is gone: its lifespan shutdown may take until the first, the rest until the
# second.
DESTROY_SHUTDOWN = 5.0
DESTROY_LAST_CALL = 5.7

# Seconds before the end of uWSGI's mercy at which requests are cancelled, and at which the worker exits as it stands.
MERCY_CANCEL = 1.0
MERCY_LAST_CALL = 0.1

# Seconds that a worker whose app failed waits before it exits: the master respawns it at once.
FAILURE_PACE = 2.0


class Ending(enum.IntEnum):
    """Why a worker ends, as its exit code."""

    RELOAD = 17
    DESTROY = 30


def main() -> NoReturn:
    """Run this worker and exit with its code; called by the override script inside uWSGI."""
    logs.install(uwsgi.log, uwsgi.worker_id())
    try:
        options = parse(uwsgi.opt)
        code = trio.run(Worker(options).run)
    except OptionError as error:
        log.critical("%s", error)
        code = FAILED_APP
    sys.exit(code)


class Worker:
    """One worker process.

    Args:
        options: the parsed ini.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._ending: Ending | None = None
        self._ended_at = inf
        self._end = trio.Event()
        self._graceful = trio.CancelScope()
        self._service: Service
        self._listeners: Listeners

    async def run(self) -> int:
        """Live; returns the exit code."""
        with trio.open_signal_receiver(*signals.ALL) as received:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(signals.dispatch, received, self._handlers())
                nursery.start_soon(watchdog.watch_master, uwsgi.masterpid(), self.destroy)
                nursery.start_soon(self._last_call)
                code = await self._live()
                nursery.cancel_scope.cancel()
        return code

    def _handlers(self) -> dict[int, Callable[[], None]]:
        handlers: dict[int, Callable[[], None]] = dict.fromkeys(signals.DESTROY, self.destroy)
        handlers |= dict.fromkeys(signals.GRACEFUL, self.reload)
        handlers |= {
            signals.PAUSE: self.pause,
            signals.COUNTERS: self._log_counters,
            signals.TASKS: lambda: log.info("the tasks of this worker:\n%s", signals.task_tree()),
        }
        return handlers

    def destroy(self) -> None:
        """End now: cancel what runs, shut the app down, exit 30. Cuts a drain short."""
        self._finish(Ending.DESTROY)
        self._graceful.cancel()

    def reload(self) -> None:
        """End gracefully: drain, shut the app down, exit 17."""
        self._finish(Ending.RELOAD)

    def _finish(self, ending: Ending) -> None:
        if self._ending in (None, Ending.RELOAD) and self._ending is not ending:
            self._ending = ending
            self._ended_at = trio.current_time()
            log.info("%s", "draining" if ending is Ending.RELOAD else "ending")
        self._end.set()

    def pause(self) -> None:
        """Stop accepting, or accept again."""
        if self._listeners.paused:
            self._listeners.resume()
        else:
            self._listeners.pause()
        log.info("accepting is %s", "paused" if self._listeners.paused else "resumed")

    def _log_counters(self) -> None:
        totals = self._service.counters.totals()
        log.info("counters: %s", " ".join(f"{name}={value}" for name, value in totals.items() if value))

    async def _live(self) -> int:
        failure: BaseExceptionGroup[BaseException] | None = None
        try:
            app = load(self._options, read_mounts(uwsgi.opt))
            if self._options.quart_direct:
                quart.install(app)
            self._service = self._make_service(app)
            async with trio.open_nursery() as nursery:
                lifespans = await self._start_up(app, nursery)
                await self._serve()
                await self._shut_down(lifespans)
                nursery.cancel_scope.cancel()
        except* (AppError, LifespanError, OptionError) as group:
            failure = group
        if failure is not None:
            return await self._failed(failure)
        return int(self._ending or Ending.RELOAD)

    def _make_service(self, app: App) -> Service:
        counters = Counters()
        draining = trio.Event()
        log_request = access_log.make_logger(self._options, counters, os.getpid(), uwsgi.worker_id(), uwsgi.log)
        return Service(
            options=self._options,
            counters=counters,
            application=Application(app, counters, draining, log_request),
            draining=draining,
            state={"draining": draining},
            hypercorn=make_config(self._options),
        )

    async def _start_up(self, app: App, nursery: trio.Nursery) -> list[Lifespan]:
        """Run the lifespan of every app; they share the state that requests see."""
        apps = [each for _, each in app.apps] if isinstance(app, Mounts) else [app]
        lifespans = [Lifespan(each, self._service.state) for each in dict.fromkeys(apps)]
        for lifespan in lifespans:
            nursery.start_soon(lifespan.run)
            await lifespan.startup()
            nursery.start_soon(self._watch_lifespan, lifespan)
        return lifespans

    async def _watch_lifespan(self, lifespan: Lifespan) -> None:
        error = await lifespan.crashed()
        if error is not None and self._ending is None:
            log.critical("the app's lifespan crashed; the worker is replaced", exc_info=error)
            self.reload()

    async def _serve(self) -> None:
        """Accept and serve until the worker ends; nothing of a connection is left afterwards."""
        service = self._service
        metrics = self._make_metrics()
        async with trio.open_nursery() as background, trio.open_nursery() as connections:
            self._listeners = self._make_listeners(connections)
            background.start_soon(service.disconnects.run)
            background.start_soon(service.clock.sweep, service.connections)
            background.start_soon(metrics.run, self._options.metrics_interval)
            with self._listeners:
                async with trio.open_nursery() as accepting:
                    accepting.start_soon(self._listeners.run)
                    uwsgi.accepting()
                    log.info("accepting on %s", self._listeners.describe())
                    await self._end.wait()
                    accepting.cancel_scope.cancel()
            await self._end_connections()
            connections.cancel_scope.cancel()
            background.cancel_scope.cancel()
        metrics.flush()

    def _make_metrics(self) -> Metrics:
        service = self._service
        gauges = {
            "in_flight": lambda: len(service.application.in_flight),
            "connections": lambda: len(service.connections),
        }
        metrics = Metrics(service.counters, uwsgi.worker_id(), gauges, uwsgi.metric_inc, uwsgi.metric_set)
        metrics.declare()
        return metrics

    def _make_listeners(self, nursery: trio.Nursery) -> Listeners:
        service, options = self._service, self._options

        def accepted(sock: socket.socket, address: object) -> None:
            nursery.start_soon(welcome, service, SocketWire(sock, address, options.write_timeout))

        def has_room() -> bool:
            return len(service.connections) < options.max_connections

        return Listeners(uwsgi.sockets, accepted, uwsgi.numproc == 1, has_room)

    async def _end_connections(self) -> None:
        if self._ending is Ending.RELOAD:
            deadline = self._ended_at + max(self._options.worker_reload_mercy - MERCY_CANCEL, 0)
            with self._graceful:
                await drain(self._service, deadline)
        await abort(self._service)

    async def _shut_down(self, lifespans: list[Lifespan]) -> None:
        for lifespan in reversed(lifespans):
            await lifespan.shutdown(max(0.5, self._shutdown_until() - trio.current_time()))

    def _shutdown_until(self) -> float:
        mercy = self._options.worker_reload_mercy - MERCY_LAST_CALL
        return self._ended_at + (DESTROY_SHUTDOWN if self._ending is Ending.DESTROY else mercy)

    async def _last_call(self) -> None:
        """Exit as things stand when something, a thread for one, outlasts every deadline of a worker that ends."""
        await self._end.wait()
        while trio.current_time() < self._last_call_at():  # noqa: ASYNC110 - a destroy may bring it forward
            await trio.sleep(0.1)
        log.critical("still running at the end of the time that a worker has:\n%s", signals.task_tree())
        os._exit(int(self._ending or Ending.DESTROY))

    def _last_call_at(self) -> float:
        mercy = max(self._options.worker_reload_mercy - MERCY_LAST_CALL, 0.5)
        return self._ended_at + (DESTROY_LAST_CALL if self._ending is Ending.DESTROY else mercy)

    async def _failed(self, group: BaseExceptionGroup[BaseException]) -> int:
        """Say why the app cannot be served; the pace keeps the master from respawning in a tight loop."""
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        log.critical("%s", error, exc_info=error.__cause__)
        if not self._options.need_app:
            with trio.move_on_after(FAILURE_PACE):
                await self._end.wait()
        return FAILED_APP
