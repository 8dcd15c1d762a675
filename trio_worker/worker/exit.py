"""The way out of the process, when Trio has ended: what others have left for it to do, in the time that is left.

uWSGI's own worker calls `uwsgi.atexit` and Python's exit handlers; so does this one, unless `skip-atexit` is set.

An app that ends its worker by `os._exit` chooses an exit code that may be an order to the master: 15 takes the worker
away for good, 22 can end the instance, 31 reloads all. (uwsgi.h, UWSGI_GO_CHEAP_CODE and those beside it)
"""

import logging
import os
import sys
import threading
from typing import NoReturn

import uwsgi

from trio_worker.worker import signals

# To those who read the log it is the worker that ends.
log = logging.getLogger("trio_worker.worker")

# As it was before `disarm`.
exit_now = os._exit

# Codes by which the master does more than replace the worker, and the code of an accident in their place.
ORDERS = (15, 22, 31)
ACCIDENT = 1


def disarm(pid: int) -> None:
    """Let `os._exit` in the process `pid` be an accident to the master, and no order; in its children it stays."""

    def exit_as_accident(status: int) -> NoReturn:
        if status in ORDERS and os.getpid() == pid:
            log.critical("os._exit(%d) is an order to uWSGI's master: the worker exits with %d", status, ACCIDENT)
            status = ACCIDENT
        exit_now(status)

    os._exit = exit_as_accident


def leave(code: int, seconds: float, skip_atexit: bool) -> NoReturn:
    """Exit with this code.

    Args:
        code: for the master, see ending.py.
        seconds: how long threads of the app, and exit handlers, may take.
        skip_atexit: whether no exit handler is called.
    """
    _bound(code, seconds)
    signals.exit_at(code)
    if skip_atexit:
        exit_now(code)
    _call_hook()
    sys.exit(code)


def _bound(code: int, seconds: float) -> None:
    """Exit as things stand when that takes longer."""

    def give_up() -> None:
        log.critical("still running at the end of the time that a worker has: a thread, or an atexit handler")
        exit_now(code)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _call_hook() -> None:
    """Call `uwsgi.atexit`, where the app has set it: uWSGI comes to that only when Python has ended."""
    hook = getattr(uwsgi, "atexit", None)
    if hook is not None:
        try:
            hook()
        except Exception:
            log.exception("uwsgi.atexit has failed")
