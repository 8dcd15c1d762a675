"""A slow request, to see what becomes of it when its client hangs up: it is cancelled, and all workers know it."""

from typing import cast

import trio
from quart import Blueprint, Response, current_app, jsonify
from quart_trio import QuartTrio

from .query import query_number
from .shared import Shared

blueprint = Blueprint("slow", __name__)

DEFAULT_SECONDS = 5.0
MOST_SECONDS = 3600.0

# Workers that are remembered, those that have been replaced too.
MOST_WORKERS = 1000


class Cancellations:
    """The slow requests that were cancelled: each worker counts its own, and all know the counts of all."""

    def __init__(self) -> None:
        self._here = 0
        self._counts = Shared("slow.cancelled", MOST_WORKERS)
        self.run, self.stop = self._counts.run, self._counts.stop

    @property
    def total(self) -> int:
        """Of all workers, since the instance was started."""
        return sum(count for _, count in self._counts.items())

    async def ready(self) -> None:
        """Wait until this worker knows the counts of the others."""
        await self._counts.ready()

    def add(self, nursery: trio.Nursery) -> None:
        """Count one; the request itself is cancelled and can tell nobody, so a task of the app does."""
        self._here += 1
        nursery.start_soon(self._counts.put, self._counts.me, self._here)


def _cancellations() -> Cancellations:
    cancellations: Cancellations = current_app.extensions["cancellations"]
    return cancellations


@blueprint.before_app_serving
async def start() -> None:
    """Begin to count."""
    app = cast(QuartTrio, current_app)
    app.extensions["cancellations"] = cancellations = Cancellations()
    app.nursery.start_soon(cancellations.run)


@blueprint.after_app_serving
async def stop() -> None:
    """Stop; see `app.background.stop`."""
    _cancellations().stop()


@blueprint.get("/slow")
async def slow() -> Response:
    """Answer after ``seconds`` seconds; log and count a request that is cancelled before."""
    seconds = query_number("seconds", default=DEFAULT_SECONDS, most=MOST_SECONDS)
    started = trio.current_time()
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        after = trio.current_time() - started
        current_app.logger.warning("slow request cancelled after %.3f of %.3f seconds", after, seconds)
        _cancellations().add(cast(QuartTrio, current_app).nursery)
        raise
    return jsonify(slept=seconds)


@blueprint.get("/slow/cancelled")
async def cancelled() -> Response:
    """Answer with the number of slow requests that were cancelled, on all workers."""
    await _cancellations().ready()
    return jsonify(cancelled=_cancellations().total)
