"""A slow request, to see what becomes of it when its client hangs up: it is cancelled, and says so."""

import os

import trio
from quart import Blueprint, Response, current_app, jsonify

from .query import query_number

blueprint = Blueprint("slow", __name__)

DEFAULT_SECONDS = 5.0
MOST_SECONDS = 3600.0

_cancelled = 0


@blueprint.get("/slow")
async def slow() -> Response:
    """Answer after ``seconds`` seconds; log and count a request that is cancelled before."""
    seconds = query_number("seconds", default=DEFAULT_SECONDS, most=MOST_SECONDS)
    started = trio.current_time()
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        _count_cancellation(trio.current_time() - started, seconds)
        raise
    return jsonify(slept=seconds)


@blueprint.get("/slow/cancelled")
async def cancelled() -> Response:
    """Answer with the number of slow requests that this process has seen cancelled."""
    return jsonify(cancelled=_cancelled, pid=os.getpid())


def _count_cancellation(after: float, seconds: float) -> None:
    global _cancelled
    _cancelled += 1
    current_app.logger.warning("slow request cancelled after %.3f of %.3f seconds", after, seconds)
