"""Signals that come early: `shared-import = trio_worker.early_signals` has the master import this before the app.

While the master loads the app without `lazy-apps`, it ignores SIGTERM, and SIGINT is a KeyboardInterrupt of the app. So
both end it here.

A worker that was just forked has the handlers of its master: a signal that the master sends it then is lost, or is
taken for one to the master, and all workers are reloaded. So signals are blocked around the fork, and wait until
override.py listens. `py-call-uwsgi-fork-hooks` has Python run what is registered here.
(core/master_utils.c, uwsgi_respawn_worker)
"""

import os
import signal
import sys
import threading
from types import FrameType

SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)

# Seconds after a fork in which the master has surely noted its new worker.
NOTED = 0.01

NO_FORK_HOOKS = "trio-worker: `py-call-uwsgi-fork-hooks = true` is missing: every worker dies at once on this Python"


class Fork:
    """The signals of the process that forks workers.

    Args:
        master: its process id.
    """

    def __init__(self, master: int) -> None:
        self._master = master
        self._before: set[int | signal.Signals] | None = None

    def install(self) -> None:
        """Register for every fork of uWSGI's from now on, and end by a signal until uWSGI has handlers of its own."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        os.register_at_fork(before=self._block, after_in_parent=self._unblock)

    def _block(self) -> None:
        # uWSGI's fork has no caller in Python; one of the app's own is not for us, nor is one in another process.
        if sys._getframe().f_back is None and os.getpid() == self._master:
            self._before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def _unblock(self) -> None:
        before, self._before = self._before, None
        if before is None:
            return
        late = _pending()
        if late:
            # uWSGI writes down the new worker's process id a moment from now, and would leave it out.
            threading.Thread(target=_send_later, args=(self._master, late), daemon=True).start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._master:
            print("ended by a signal while the app was loaded", file=sys.stderr, flush=True)
            os._exit(0)


def _pending() -> list[int]:
    """Take the signals that have come while they were blocked."""
    taken = []
    while (found := signal.sigtimedwait(SIGNALS, 0)) is not None:
        taken.append(found.si_signo)
    return taken


def _send_later(pid: int, numbers: list[int]) -> None:
    # This thread has all of them blocked, as the one that has started it had; so the main thread gets them.
    threading.Event().wait(NOTED)
    for number in numbers:
        os.kill(pid, number)


def _install() -> None:
    import uwsgi

    # uWSGI's own workers would never unblock them.
    if "python-worker-override" in uwsgi.opt:
        Fork(os.getpid()).install()
        if sys.version_info >= (3, 13) and "py-call-uwsgi-fork-hooks" not in uwsgi.opt:
            # Such a worker does not live to say so (_PyRecursiveMutex_Unlock in PyOS_AfterFork_Child).
            print(NO_FORK_HOOKS, file=sys.stderr, flush=True)


if "uwsgi" in sys.modules:
    _install()
