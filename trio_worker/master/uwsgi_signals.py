"""uWSGI's signal framework (timers, cron, file monitors, `uwsgi.signal`) in a worker, beside its event loop.

The master writes a signal's number into one of two sockets: one that all workers share, and one of this worker. uWSGI's
own worker reads them in its loop and runs the handler there. Here

- with the plugin, Trio waits for both sockets, and the handler runs in a thread;
- without it, a thread stays in `uwsgi.signal_wait()`, which waits, reads, and runs the handler in that thread.

Handlers run one after the other, as they always did. An async handler (`on_signal`, `async_handler`) is only started by
its signal: it runs in the worker's nursery, beside the requests, and is cancelled when the worker has drained.
"""

import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from trio_worker.master.native import Native

log = logging.getLogger(__name__)

AsyncHandler = Callable[[int], Awaitable[object]]
Handler = Callable[[int], None]

# Seconds to wait after `signal_wait` has failed: another worker was faster, or the master has gone.
FAILURE_PAUSE = 0.05

# Seconds between two looks whether a handler still runs in the thread of `signal_wait`.
STATUS_INTERVAL = 0.05


def on_signal(number: int, target: str = "worker") -> Callable[[AsyncHandler], AsyncHandler]:
    """Register an async handler of a uWSGI signal; it runs in the nursery of the worker that gets the signal.

    With `lazy-apps` the master does not know the target, and any one worker gets the signal.

    Args:
        number: the signal's number, 0 to 255.
        target: "worker" for any one of them, "workers" for all, "workerN", or whatever `uwsgi.register_signal` takes.
            In a mule there is no nursery: the handler runs to its end by itself.

    Raises:
        ImportError: this is no uWSGI process.
        ValueError: uWSGI refuses the registration: without a master there are no signals.
    """
    import uwsgi

    def register(function: AsyncHandler) -> AsyncHandler:
        uwsgi.register_signal(number, target, async_handler(function))
        return function

    return register


def async_handler(function: AsyncHandler) -> Handler:
    """Make a handler for uwsgidecorators of an async function: `@timer(10)` above `@async_handler`.

    Args:
        function: called with the signal's number. What it raises is logged.
    """

    def start(number: int) -> None:
        if _Running.here is None:
            trio.run(function, number)
        else:
            _Running.here.start(function, number)

    return start


class _Running:
    """The signal framework of this process while its worker runs."""

    here: "UwsgiSignals | None" = None


class UwsgiSignals:
    """The signal framework of one worker.

    Args:
        native: the plugin, where it is loaded.
        master_gone: called when the master has closed the worker's socket.
    """

    def __init__(self, native: "Native | None", master_gone: Callable[[], None]) -> None:
        self._native = native
        self._descriptors = None if native is None else native.signal_descriptors()
        self._master_gone = master_gone
        # Handlers run one after the other: the holder of this lock may run one.
        self._turn = trio.Lock()
        # A thread that takes no other's place, and whose place no thread of the app's can take.
        self._thread = trio.CapacityLimiter(1)
        self._nursery: trio.Nursery | None = None
        self._token = trio.lowlevel.current_trio_token()

    async def run(self) -> None:
        """Receive signals and run their handlers until cancelled; a handler in a thread is not waited for."""
        async with trio.open_nursery() as self._nursery:
            _Running.here = self
            try:
                await self._receive()
            finally:
                _Running.here = self._nursery = None

    async def finish(self) -> None:
        """Take no more signals, and wait until the handler that runs in a thread has ended.

        With the plugin only: what the master sends from here on waits for another worker, or for the next one in this
        place. Async handlers are not waited for.
        """
        await self._turn.acquire()
        if self._descriptors is None:
            while _busy_with_signal():  # noqa: ASYNC110 - uWSGI tells nobody when a handler ends
                await trio.sleep(STATUS_INTERVAL)

    def start(self, function: AsyncHandler, number: int) -> None:
        """Start an async handler in the worker's nursery; called in any thread."""
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._start, function, number)

    def _start(self, function: AsyncHandler, number: int) -> None:
        if self._nursery is None:
            log.warning("signal %d came too late: the worker ends", number)
        else:
            self._nursery.start_soon(_fenced, function, number)

    async def _receive(self) -> None:
        if self._native is None:
            await self._receive_in_thread()
        elif self._descriptors is not None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch, self._native, self._descriptors.shared)
                nursery.start_soon(self._watch, self._native, self._descriptors.own)

    async def _watch(self, native: "Native", descriptor: int) -> None:
        while True:
            await trio.lowlevel.wait_readable(descriptor)
            # The number is read only once its handler may run: another worker may be free sooner.
            async with self._turn:
                try:
                    data = os.read(descriptor, 1)
                except BlockingIOError:
                    continue
                if not data:
                    self._master_gone()
                    return
                handled = partial(_run_handler, native, data[0])
                if not await trio.to_thread.run_sync(handled, abandon_on_cancel=True, limiter=self._thread):
                    log.error("the handler of signal %d failed, or there is none", data[0])

    async def _receive_in_thread(self) -> None:
        master = os.getppid()
        while os.getppid() == master:
            await trio.to_thread.run_sync(_wait_once, abandon_on_cancel=True, limiter=self._thread)
        self._master_gone()


def _run_handler(native: "Native", number: int) -> bool:
    import uwsgi

    # uWSGI takes the GIL with the thread state that it noted when this thread gave the GIL back through uWSGI the last
    # time. A thread that has never done so would crash there; any call that gives it back will do, and this one takes
    # no lock, since there is no such metric.
    uwsgi.metric_get("")
    return native.run_signal(number)


def _wait_once() -> None:
    import uwsgi

    try:
        uwsgi.signal_wait()
    except SystemError:
        time.sleep(FAILURE_PAUSE)


def _busy_with_signal() -> bool:
    import uwsgi

    status: bytes = uwsgi.workers()[uwsgi.worker_id() - 1]["status"]
    return status.startswith(b"sig")


async def _fenced(function: AsyncHandler, number: int) -> None:
    """Run an async handler; what it raises ends nothing but itself."""
    try:
        await function(number)
    except Exception:
        log.exception("the handler of signal %d failed", number)
    except BaseExceptionGroup as group:
        errors, rest = group.split(Exception)
        if errors is not None:
            log.error("the handler of signal %d failed", number, exc_info=errors)
        if rest is not None:
            raise rest from None
