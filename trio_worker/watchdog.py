"""What a worker watches besides its clients: whether its master lives."""

import logging
import os
from collections.abc import Callable

import trio

log = logging.getLogger(__name__)

# Seconds between two looks.
INTERVAL = 1.0


async def watch_master(master: int, gone: Callable[[], None]) -> None:
    """Call `gone` once when the process `master` is no longer our parent; it left nobody who would end us."""
    while os.getppid() == master:  # noqa: ASYNC110 - the kernel tells a parent's death to no one
        await trio.sleep(INTERVAL)
    log.critical("the master (pid %d) has died; ending as well", master)
    gone()
