"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

# Seconds between two looks.
INTERVAL = 0.02


def eventually(look: Callable[[], T | None], timeout: float = 10.0, why: str | Callable[[], str] = "") -> T:
    """What `look` finds, as soon as it finds something that is true.

    Sockets and files may be missing meanwhile; any other exception comes out.

    Args:
        look: called again and again.
        timeout: seconds after which it has failed.
        why: said when it has failed.

    Raises:
        AssertionError: it never found anything.
    """
    deadline = time.monotonic() + timeout
    while True:
        with suppress(FileNotFoundError, ConnectionError, ProcessLookupError):
            if found := look():
                return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {why() if callable(why) else why}")
        time.sleep(INTERVAL)
