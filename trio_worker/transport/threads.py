"""Threads for the worker's own calls that block: for files that it sends, or bodies that it compresses.

They have a limit of their own. An app may have taken all threads of Trio's default limit, for good where it has
abandoned them, and files are sent all the same.
"""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

# As many of them as Trio allows an app by default; those beyond wait for one that is free.
MOST = 40

_limiter = trio.CapacityLimiter(MOST)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def in_thread(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Call the function in one of these threads, and return what it returns.

    Args:
        function: ends by itself, for a cancellation waits for it.
        args: of the function.
    """
    return await trio.to_thread.run_sync(function, *args, limiter=_limiter)
