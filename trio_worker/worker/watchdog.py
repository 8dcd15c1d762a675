"""The watch over a worker itself: its master must live, and its limits must not be reached."""

import logging
import os
from collections.abc import Callable

import trio

from trio_worker.worker.limits import Limits

log = logging.getLogger(__name__)

# Seconds between two looks.
INTERVAL = 1.0


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


async def watch_limits(limits: Limits, served: Callable[[], int], reached: Callable[[], None]) -> None:
    """Call `reached` once when a limit is reached.

    Args:
        limits: of this worker.
        served: how many requests it has served by now.
        reached: makes it drain.
    """
    while (reason := limits.exceeded(served())) is None:  # noqa: ASYNC110 - a look a second is all it costs
        await trio.sleep(INTERVAL)
    log.info("this worker is replaced: %s", reason)
    reached()
