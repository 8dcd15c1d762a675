"""Waiting for a condition instead of for a time; and for a time where nothing may happen in it."""

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


def throughout(look: Callable[[], object], seconds: float, why: str | Callable[[], str] = "") -> None:
    """Look again and again for a span of time: that something does not happen has no other sign.

    Args:
        look: must find something that is true every time.
        seconds: long enough for what must not happen.
        why: said when it has happened.

    Raises:
        AssertionError: it has.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not look():
            raise AssertionError(f"not for {seconds:g} s: {why() if callable(why) else why}")
        time.sleep(INTERVAL)


def took(began: float) -> float:
    """Seconds since then."""
    return time.monotonic() - began
