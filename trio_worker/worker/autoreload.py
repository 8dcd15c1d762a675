"""uWSGI's `py-autoreload` for development: the instance is reloaded when a module's file has changed.

A thread of uWSGI does that in every worker, but with `lazy-apps` it waits until uWSGI itself has loaded an app, which
never happens here. Then this task looks instead, in the first worker only: one reload is enough.
"""

import logging
import os
import sys
from collections.abc import Callable, Collection

import trio

from trio_worker.options import Options

log = logging.getLogger(__name__)


def needed(options: Options, worker_id: int) -> bool:
    """Return True if this worker has to look for changes."""
    return bool(options.py_autoreload and worker_id == 1 and (options.lazy_apps or options.lazy))


async def watch(interval: float, ignored: Collection[str], reload: Callable[[], object]) -> None:
    """Call `reload` once when the file of a module has changed.

    Args:
        interval: seconds between two looks (py-autoreload).
        ignored: names of modules whose files may change (py-auto-reload-ignore).
        reload: `uwsgi.reload`.
    """
    known: dict[str, float] = {}
    while True:
        changed = await trio.to_thread.run_sync(_changed, known, ignored)
        if changed is not None:
            log.info("%s has changed: the instance is reloaded", changed)
            reload()
            return
        await trio.sleep(interval)


def _changed(known: dict[str, float], ignored: Collection[str]) -> str | None:
    """A file that has changed since it was seen first; those seen now for the first time are noted in `known`."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or name in ignored:
            continue
        try:
            modified = os.stat(file).st_mtime
        except OSError:
            continue
        if known.setdefault(file, modified) != modified:
            return str(file)
    return None
