"""The way out of the process, when Trio has ended: what others have left for it to do, in the time that is left.

uWSGI's own worker calls `uwsgi.atexit` and Python's exit handlers; so does this one, unless `skip-atexit` is set.
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
        os._exit(code)
    _call_hook()
    sys.exit(code)


def _bound(code: int, seconds: float) -> None:
    """Exit as things stand when that takes longer."""

    def exit_now() -> None:
        log.critical("still running at the end of the time that a worker has: a thread, or an atexit handler")
        os._exit(code)

    timer = threading.Timer(seconds, exit_now)
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
