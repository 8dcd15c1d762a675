"""A worker that cannot start: its app does not load, its startup fails, or the ini does not parse.

While no worker of the instance has ever accepted, the ini cannot work: the instance ends at once, with the one line
that says why and a status that is not 0. Once a worker has accepted, this one is tried again after a pause, and the
others serve on. The pause ends early when a file of the app changes, so that mended code is served without a wait.

uWSGI ends an instance for the exit code of a failed app with `lazy-apps` and `need-app` only, and for good, whatever
the others do; without them it respawns for ever. (core/master.c, master_loop)
"""

import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio

from trio_worker.options.raw import RawOptions, text
from trio_worker.options.values import OFF
from trio_worker.worker import autoreload, signals
from trio_worker.worker.ending import QUIET
from trio_worker.worker.siblings import Siblings

# To those who read the log it is the worker that fails.
log = logging.getLogger("trio_worker.worker")

# uWSGI's code for an app that failed to load (UWSGI_FAILED_APP_CODE).
FAILED_APP = 22

# Seconds until the next try, by how many starts have failed in a row; the last one stands for all further ones.
PAUSES = (2.0, 2.0, 2.0, 5.0, 10.0, 20.0, 30.0)

# Seconds between two looks at the files of the app meanwhile.
LOOK = 0.5

# Seconds that the other processes of an instance have to end before their master is killed.
END_GRACE = 10.0


class FailedStart:
    """The failed start of one worker.

    Args:
        error: why it cannot start.
        siblings: the other workers.
        uwsgi: uWSGI's module.
        raw: the ini as uWSGI has it.
    """

    def __init__(self, error: BaseException, siblings: Siblings, uwsgi: Any, raw: RawOptions) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self._error = error
        self._siblings = siblings
        self._uwsgi = uwsgi
        self._raw = raw

    async def run(self, ended: Callable[[], Awaitable[object]]) -> int:
        """Say why, and wait as long as it takes; returns the exit code of the worker.

        Args:
            ended: returns when the worker is asked to end.
        """
        if self._siblings.any_has_served:
            await self._wait(ended)
            return QUIET
        if self._siblings.speaks_for_all():
            message = "%s; no worker has served yet, so the instance ends"
            log.critical(message, self._error, exc_info=self._error.__cause__)
            await self._end_instance(ended)
        else:
            with trio.move_on_after(END_GRACE):
                await ended()
        return FAILED_APP

    async def run_alone(self) -> int:
        """Do the same for a worker that listens to no signal yet."""
        with trio.open_signal_receiver(*signals.ALL) as received:
            signals.unblock()
            return await self.run(partial(_end_of, received))

    async def _wait(self, ended: Callable[[], Awaitable[object]]) -> None:
        failures, others = self._siblings.count_failure(), self._siblings.others()
        pause = PAUSES[min(failures, len(PAUSES)) - 1]
        in_a_row = f" ({failures} starts in a row have failed)" if failures > 1 else ""
        serving = f"{others} of {self._uwsgi.numproc} workers serve on"
        message = "%s; %s; the next try is in %g s%s"
        log.critical(message, self._error, serving, pause, in_a_row, exc_info=self._error.__cause__)
        files = list(_files(self._error))
        with trio.move_on_after(pause):
            async with trio.open_nursery() as nursery:
                for wake in (ended, partial(autoreload.changed, LOOK, (), files)):
                    nursery.start_soon(_then_cancel, wake, nursery.cancel_scope)

    async def _end_instance(self, ended: Callable[[], Awaitable[object]]) -> None:
        """End the master and all that it has started, but for this worker; with a status that is not 0.

        The master's own way out has the status 0. So it ends all others first, as it does for SIGINT, and is killed
        while it waits for this one. As process 1 of a container it cannot be killed from here: it ends by itself then.
        """
        master = self._uwsgi.masterpid()
        if not master or (_is_on(self._raw, "lazy-apps") and _is_on(self._raw, "need-app")):
            return
        os.kill(master, signal.SIGINT)
        with trio.move_on_after(END_GRACE):
            await ended()
            while _is_any_alive(self._uwsgi.workers()):  # noqa: ASYNC110 - the master buries them, and tells nobody
                await trio.sleep(0.05)
        if os.getppid() == master:
            os.kill(master, signal.SIGKILL)
            if _is_on(self._raw, "vacuum"):
                _remove_files(self._uwsgi.sockets)


def _is_any_alive(workers: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if the master still has another worker than this one."""
    return any(each["pid"] not in (0, os.getpid()) for each in workers)


def _remove_files(descriptors: Sequence[int]) -> None:
    """Remove the files of UNIX sockets, in the place of a master that cannot any more."""
    for each in descriptors:
        with suppress(OSError), socket.socket(fileno=os.dup(each)) as sock:
            if sock.family == socket.AF_UNIX:
                os.unlink(sock.getsockname())


def _is_on(raw: RawOptions, key: str) -> bool:
    # Read here, since the rest of the ini may be what is wrong.
    return key in raw and text(raw[key]).lower() not in OFF


async def _end_of(received: Any) -> None:
    async for number in received:
        if number in (*signals.DESTROY, signals.RELOAD, signals.MAKE_WAY):
            return


async def _then_cancel(wait: Callable[[], Awaitable[object]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()


def _files(error: BaseException | None) -> Iterator[str]:
    """Yield the files in which an exception and its causes were raised: a module that failed is in no list of those."""
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename:
            yield error.filename
        traceback = error.__traceback__
        while traceback is not None:
            yield traceback.tb_frame.f_code.co_filename
            traceback = traceback.tb_next
        error = error.__cause__
