"""uWSGI's `py-autoreload` for development: the instance is reloaded when a module's file has changed.

A thread of uWSGI does that in every worker, but with `lazy-apps` it waits until uWSGI itself has loaded an app, which
never happens here. Then this task looks instead, in the first worker only: one reload is enough. A file that does not
compile is left for the next look: half of what was typed takes no working server away.

Where `watchfiles` is installed the kernel tells of changes, at once, and of those of templates, static files and new
modules too (saved_files.py).
"""

import logging
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import trio

from trio_worker.options import Options
from trio_worker.transport.threads import in_thread
from trio_worker.worker.saved_files import saved_files

log = logging.getLogger(__name__)


def needed(options: Options, worker_id: int) -> bool:
    """Return True if this worker has to look for changes."""
    return bool(options.py_autoreload and worker_id == 1 and (options.lazy_apps or options.lazy))


async def watch(interval: float, ignored: Collection[str], reload: Callable[[], object]) -> None:
    """Call `reload` once when a file has changed that the app is made of; a module has to compile.

    Args:
        interval: seconds between two looks (py-autoreload).
        ignored: names of modules whose files may change (py-auto-reload-ignore).
        reload: `uwsgi.reload`.
    """
    known: dict[str, float] = {}
    saved = saved_files(ignored)
    while True:
        file = await (changed(interval, ignored, known=known) if saved is None else anext(saved))
        fault = await in_thread(_fault, file)
        if fault is None:
            log.info("%s has changed: the instance is reloaded", file)
            reload()
            return
        log.error("%s has changed and does not compile: %s; the old code serves on", file, fault)


async def changed(
    interval: float, ignored: Collection[str], files: Iterable[str] = (), known: dict[str, float] | None = None
) -> str:
    """Wait for a file to change; returns its name.

    Args:
        interval: seconds between two looks.
        ignored: names of modules whose files may change.
        files: others than those of modules.
        known: when each was last changed, from an earlier wait.
    """
    known = {} if known is None else known
    while True:
        found = await in_thread(_changed, known, ignored, files)
        if found is not None:
            return found
        await trio.sleep(interval)


def _changed(known: dict[str, float], ignored: Collection[str], files: Iterable[str]) -> str | None:
    """Return a file that has changed since it was seen last; those seen for the first time are noted in `known`."""
    for file in (*_modules(ignored), *files):
        try:
            modified = os.stat(file).st_mtime
        except OSError:
            continue
        if known.setdefault(file, modified) != modified:
            known[file] = modified
            return file
    return None


def _modules(ignored: Collection[str]) -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and name not in ignored:
            yield str(file)


def _fault(file: str) -> str | None:
    """Return what keeps a Python file from being compiled."""
    if not file.endswith(".py"):
        return None
    try:
        compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OSError) as error:
        return str(error)
    return None
