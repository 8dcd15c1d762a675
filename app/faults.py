"""Faults on request, for tests of what a server does about them; see `app` for how these rooms are opened."""

import os
import time
from typing import NoReturn

from quart import Blueprint, Response, jsonify

from .query import query_number

blueprint = Blueprint("faults", __name__, url_prefix="/fault")

MOST_SECONDS = 3600.0
MOST_MEGABYTES = 1024
MEGABYTE = 1 << 20

_leaked: list[bytes] = []


@blueprint.get("/block")
async def block() -> Response:
    """Block the event loop, and with it every other request of this process, for ``seconds`` seconds."""
    seconds = query_number("seconds", default=5.0, most=MOST_SECONDS)
    time.sleep(seconds)  # noqa: ASYNC251 - blocking the loop is what this room is for
    return jsonify(blocked=seconds)


@blueprint.get("/raise")
async def fail() -> NoReturn:
    """Raise an exception that nothing handles."""
    raise RuntimeError("a fault that was asked for")


@blueprint.get("/leak")
async def leak() -> Response:
    """Keep ``mb`` more MiB of resident memory for ever; answer with the sum."""
    megabytes = query_number("mb", default=10, most=MOST_MEGABYTES)
    # Not zero bytes: the kernel would not back those pages with memory.
    _leaked.append(b"\xff" * (megabytes * MEGABYTE))
    return jsonify(leaked_mb=sum(map(len, _leaked)) // MEGABYTE)


@blueprint.get("/exit")
async def leave() -> NoReturn:
    """End the process on the spot with exit status ``code``, and clean up nothing, as a crash would."""
    os._exit(query_number("code", default=1, most=255))
