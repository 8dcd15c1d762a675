"""The watch over the master: a worker ends when it is gone, and at once when it is asked twice to stop."""

import logging
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import trio

log = logging.getLogger(__name__)

# Seconds between two looks.
INTERVAL = 1.0

# SIGINT and SIGTERM as /proc/[pid]/status has them: bit 0 is signal 1 (proc(5)).
_STOPS = 1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1


async def watch_master(master: int, ending: trio.Event, gone: Callable[[], None]) -> None:
    """Call `gone` once when the process `master` is no longer our parent; it left nobody who would end us.

    Args:
        master: its process id.
        ending: set when the worker ends anyhow, which is not worth a word then.
        gone: ends the worker.
    """
    while os.getppid() == master:  # noqa: ASYNC110 - the kernel tells a parent's death to no one
        await trio.sleep(INTERVAL)
    if not ending.is_set():
        log.critical("the master (pid %d) has died; ending as well", master)
    gone()


async def watch_impatience(master: int, ending: trio.Event, destroy: Callable[[], None]) -> None:
    """Call `destroy` once when the master is asked to stop a second time while this worker drains.

    A master that stops gracefully waits in its handler of the signal until all workers have ended, so it does nothing
    about a second one; but the kernel shows that it is there. (core/uwsgi.c, gracefully_kill_them_all)

    Args:
        master: its process id.
        ending: set when the worker drains.
        destroy: ends the worker at once.
    """
    await ending.wait()
    while not _is_asked_again(master):  # noqa: ASYNC110 - the kernel shows it, and tells nobody
        await trio.sleep(INTERVAL)
    log.info("the master is asked again to stop: this worker waits for nothing more")
    destroy()


def _is_asked_again(master: int) -> bool:
    try:
        status = Path(f"/proc/{master}/status").read_text()
    except OSError:
        return False
    pending = re.search(r"^ShdPnd:\s+(\w+)$", status, re.MULTILINE)
    return pending is not None and bool(int(pending[1], 16) & _STOPS)
