"""The bytes that an app sends and a client expects."""

import random
from typing import Any

from support.ini import APPS, CHECKOUT

# The options of a worker that serves the app `scripted`.
SCRIPTED: dict[str, Any] = {"module": "scripted:app", "pythonpath": [CHECKOUT, APPS, APPS.parent]}

# What all bodies are cut from: no two places look alike.
_SEA = random.Random(0).randbytes((1 << 21) + 7)


def body_of(number: int, start: int, size: int) -> bytes:
    """Return the bytes from `start` on of the body of a request, by its number."""
    at = (number * 104_729 + start) % len(_SEA)
    found = _SEA[at : at + size]
    while len(found) < size:
        found += _SEA[: size - len(found)]
    return found


def chained(number: int, at: int, size: int) -> bytes:
    """Return a message that begins as the one before it ended: where both are compressed, it refers to that."""
    begin, end = (body_of(number, each * 3000, 3000) for each in (at, at + 1))
    return begin + body_of(number + 1, at * 1009, size) + end
