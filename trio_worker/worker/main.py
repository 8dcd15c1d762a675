"""The life of one worker: one nursery from the first signal to the exit code.

    load the app -> lifespan startup -> accept -> (reload: drain | destroy: abort) -> lifespan shutdown -> exit

uWSGI's master reads the exit code: see ending.py, and failure.py for a worker that could not start.
"""

import logging
import os
from collections.abc import Callable
from typing import NoReturn

import trio
import uwsgi

from trio_worker.application import current, leftovers
from trio_worker.application.kinds import AppError
from trio_worker.application.lifespan import Lifespan, LifespanError
from trio_worker.application.loading import Mounts, settle
from trio_worker.application.tasks import task_tree
from trio_worker.asgi import App
from trio_worker.http.service import Service
from trio_worker.master.access_log import RequestLog
from trio_worker.master.accounting import Ledger
from trio_worker.master.native import Native
from trio_worker.master.uwsgi_signals import UwsgiSignals
from trio_worker.messages import HUB
from trio_worker.options import Options, parse
from trio_worker.options.raw import RawOptions, collect
from trio_worker.options.values import OptionError
from trio_worker.serving.accepting import open_listeners
from trio_worker.serving.addresses import with_found
from trio_worker.serving.listeners import Listeners
from trio_worker.status.server import serve_status
from trio_worker.status.sockets import split
from trio_worker.transport.threads import in_thread
from trio_worker.worker import json_log, logs, notices, signals, watchdog
from trio_worker.worker.assembly import (
    load_app,
    load_native,
    make_counters,
    make_limits,
    make_service,
    open_request_log,
)
from trio_worker.worker.departure import Departure
from trio_worker.worker.drain import abort, drain, is_awaited, leave_pool, say_goodbye
from trio_worker.worker.ending import DESTROY_LAST_CALL, QUIET, STUCK_GRACE, Ending, Reason, mercy
from trio_worker.worker.exit import disarm, exit_now, leave
from trio_worker.worker.failure import FailedStart
from trio_worker.worker.limits import FatalExceptions
from trio_worker.worker.pause import Pause, status
from trio_worker.worker.siblings import Siblings
from trio_worker.worker.title import show_title
from trio_worker.worker.upkeep import Upkeep

# To those who read the log it is the worker that speaks, whichever module of this folder does.
log = logging.getLogger("trio_worker.worker")


def main() -> NoReturn:
    """Run this worker and exit with its code; called by the override script inside uWSGI."""
    signals.take_over()
    logs.install(uwsgi.log, uwsgi.worker_id())
    native = load_native()
    raw = uwsgi.opt if native is None else collect(native.options())
    json_log.install(raw, uwsgi.worker_id())
    siblings = Siblings(uwsgi.sockets, uwsgi.masterpid(), uwsgi.workers)
    siblings.begin_to_start()
    try:
        options = parse(raw)
    except OptionError as error:
        leave(trio.run(FailedStart(error, siblings, uwsgi, raw).run_alone), DESTROY_LAST_CALL, skip_atexit=False)
    current.install(uwsgi)
    disarm(os.getpid())
    worker = Worker(options, raw, native, siblings)
    code = trio.run(worker.run)
    siblings.end_start()
    leave(code, worker.seconds_left, options.skip_atexit)


class Worker:
    """One worker process.

    Args:
        options: the parsed ini.
        raw: the ini as uWSGI has it.
        native: the plugin, None without it.
        siblings: the other workers of the instance.
    """

    def __init__(self, options: Options, raw: RawOptions, native: Native | None, siblings: Siblings) -> None:
        self._options = options
        self._siblings = siblings
        self._raw = raw
        self._native = native
        self._ledger = Ledger(native)
        self._counters = make_counters(options)
        self._fatal = FatalExceptions.read(options)
        self._ending = Ending(mercy(options), native.leave if native else None)
        self._departure = Departure(make_limits(options), self._counters, siblings, self._ending)
        self._is_too_old = trio.Event()
        self._leaving = trio.CancelScope()
        self._graceful = trio.CancelScope()
        self._request_log: RequestLog
        self._service: Service
        self._upkeep: Upkeep | None = None
        self._pause = Pause()

    async def run(self) -> int:
        """Live; returns the exit code."""
        with trio.open_signal_receiver(*signals.ALL) as received:
            signals.bound(mercy(self._options) + STUCK_GRACE, QUIET)
            signals.unblock()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(signals.dispatch, received, self._handlers())
                if master := uwsgi.masterpid():  # 0 without `master`, where this is the only process
                    nursery.start_soon(watchdog.watch_master, master, self._ending.begun, self.destroy)
                    nursery.start_soon(watchdog.watch_impatience, master, self._ending.begun, self.destroy)
                nursery.start_soon(self._last_call)
                nursery.start_soon(self._departure.make_way, self._is_too_old)
                code = await self._live()
                nursery.cancel_scope.cancel()
        return code

    def _handlers(self) -> dict[int, Callable[[], None]]:
        handlers: dict[int, Callable[[], None]] = dict.fromkeys(signals.DESTROY, self.destroy)
        handlers |= {
            signals.RELOAD: self.reload,
            signals.MAKE_WAY: self.make_way,
            signals.PAUSE: self._pause.turn,
            signals.COUNTERS: lambda: log.info("counters: %s", self._counters),
            signals.TASKS: lambda: log.info("the tasks of this worker:\n%s", task_tree()),
        }
        return handlers

    def destroy(self) -> None:
        """End now: cancel what runs, shut the app down, exit 30. Cuts a drain short."""
        self._ending.begin(Reason.DESTROY)
        self._leaving.cancel()
        self._graceful.cancel()

    def reload(self) -> None:
        """End gracefully: drain, shut the app down, exit 17."""
        self._ending.begin(Reason.RELOAD)

    def make_way(self) -> None:
        """End gracefully because the master has too many workers, or this one is too old."""
        if status() == b"cheap":
            self._ending.begin(Reason.CHEAP)
        else:
            self._is_too_old.set()

    def _raised(self, error: BaseException) -> None:
        if self._ending.reason is None and self._fatal.match(error):
            log.info("this worker is replaced: reload-on-exception")
            self._ending.begin(Reason.EXCEPTION)

    @property
    def seconds_left(self) -> float:
        """Return the seconds that the process may still take to exit."""
        return self._ending.seconds_left

    async def _live(self) -> int:
        failure: BaseExceptionGroup[BaseException] | None = None
        try:
            app = load_app(self._options, self._raw, self._siblings)
            self._request_log = open_request_log(self._options, self._native)
            self._options = with_found(self._options, uwsgi.sockets, self._raw)
            self._service = make_service(
                app,
                self._counters,
                self._options,
                self._ledger,
                self._request_log,
                self._raised,
                self._departure.begin_request,
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(HUB.run)
                lifespans = await self._start_up(app, nursery)
                settle()
                if self._ending.reason is None:
                    await self._serve()
                await self._shut_down(lifespans)
                nursery.cancel_scope.cancel()
            self._ending.notice_cancelled()
        except* (AppError, LifespanError, OptionError) as group:
            failure = group
        if failure is not None:
            return await FailedStart(failure, self._siblings, uwsgi, self._raw).run(self._ending.begun.wait)
        return self._ending.code

    async def _start_up(self, app: App, nursery: trio.Nursery) -> list[Lifespan]:
        """Run the lifespan of every app, returns those that are up; each fills a state of its own."""
        mounts = app if isinstance(app, Mounts) else Mounts({}, app)
        started: list[Lifespan] = []
        for each, state in mounts.begin_states(self._service.state):
            lifespan = Lifespan(each, state)
            nursery.start_soon(lifespan.run)
            if not await self._ending.before(lifespan.startup):
                break
            nursery.start_soon(self._watch_lifespan, lifespan)
            started.append(lifespan)
        return started

    async def _watch_lifespan(self, lifespan: Lifespan) -> None:
        error = await lifespan.crashed()
        if error is not None and self._ending.reason is None:
            log.critical("the app's lifespan crashed; the worker is replaced", exc_info=error)
            self.reload()

    async def _serve(self) -> None:
        """Accept and serve until the worker ends; nothing of a connection is left afterwards."""
        service = self._service
        self._uwsgi_signals = UwsgiSignals(self._native, self.destroy)
        async with trio.open_nursery() as background:
            async with self._ending.outlive(), leftovers.open_nursery() as connections:
                sockets, _ = split(uwsgi.sockets, service.options.status)
                most = service.options.max_connections
                listeners = open_listeners(service, connections, sockets, uwsgi.numproc == 1, most)
                self._departure.stop_accepting = None if is_awaited(self._options, self._raw) else listeners.pause
                self._pause.apply_to(listeners)
                self._upkeep = Upkeep(service, uwsgi, self._native, self._ledger, listeners.backlog, self._departure)
                self._start_upkeep(background, self._upkeep)
                with listeners:
                    await self._accept(listeners, background)
                await self._end_connections()
                connections.cancel_scope.cancel()
            background.cancel_scope.cancel()
        self._upkeep.flush()
        self._request_log.flush()

    def _start_upkeep(self, nursery: trio.Nursery, upkeep: Upkeep) -> None:
        """Start what serves the connections, and who wants to know of them, without being one of them."""
        service = self._service
        nursery.start_soon(service.turns.keep)
        nursery.start_soon(service.readiness.run)
        nursery.start_soon(service.clock.sweep, service.connections)
        nursery.start_soon(upkeep.run)
        nursery.start_soon(self._uwsgi_signals.run)
        nursery.start_soon(serve_status, service, uwsgi, upkeep.flush)
        nursery.start_soon(show_title, uwsgi, service, self._raw, self._pause.__bool__)
        upkeep.flush()  # From here on the worker is no longer shown as one that starts.

    async def _accept(self, listeners: Listeners, background: trio.Nursery) -> None:
        """Accept connections until the worker ends, and has told those who would bring more of them."""
        async with trio.open_nursery() as accepting:
            accepting.start_soon(listeners.run)
            await self._announce()
            log.info("accepting on %s", listeners.describe(self._service.tls.is_required))
            if notices.is_speaker(uwsgi.worker_id(), uwsgi.workers()):
                notices.warn_of_missing_options(self._raw)
                background.start_soon(notices.warn_of_dead_options, self._raw, self._native is not None)
            await self._ending.begun.wait()
            with self._leaving:
                await say_goodbye(self._service, self._ending.cancel_at)
                await leave_pool(self._raw, self._ending.cancel_at)
            accepting.cancel_scope.cancel()

    async def _announce(self) -> None:
        """Tell that this worker accepts; the plugin tells the Emperor as well, and runs the hooks."""
        self._siblings.begin_to_accept()
        try:
            if self._native is None:
                uwsgi.accepting()
            else:
                await in_thread(self._native.accepting)
        except OSError as error:
            log.critical("%s", error)
            self.destroy()
        self._siblings.end_start()
        if master := uwsgi.masterpid():
            signals.nudge(master)

    async def _end_connections(self) -> None:
        if self._ending.is_graceful:
            deadline = self._ending.cancel_at
            with self._graceful:
                await drain(self._service, deadline)
                with trio.move_on_at(deadline):
                    await self._uwsgi_signals.finish()
        await abort(self._service)

    async def _shut_down(self, lifespans: list[Lifespan]) -> None:
        for lifespan in reversed(lifespans):
            await lifespan.shutdown(max(0.5, self._ending.shutdown_until - trio.current_time()))

    async def _last_call(self) -> None:
        """Exit as things stand when something, a thread for one, outlasts every deadline of a worker that ends."""
        await self._ending.begun.wait()
        while trio.current_time() < self._ending.last_call_at:  # noqa: ASYNC110 - a destroy may bring it forward
            await trio.sleep(0.1)
        log.critical("still running at the end of the time that a worker has:\n%s", task_tree())
        self._request_log.flush()
        if self._upkeep is not None:
            self._upkeep.flush()
        exit_now(self._ending.code)
