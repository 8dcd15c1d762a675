"""Server-sent events that never end by themselves, and still do not hold up a reload.

A server that is about to go sets ``scope["state"]["draining"]``, a `trio.Event`. The clock waits for that
event rather than for time to pass, says that it is leaving and ends its response; the browser connects
again after ``retry`` milliseconds, and tells with ``Last-Event-ID`` where to go on. On a server without
that event the clock runs until its client leaves.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import trio
from quart import Blueprint, Response, request

from .streaming import streamed

blueprint = Blueprint("clock", __name__)

TICK_SECONDS = 1.0
RETRY_MILLISECONDS = 500

# Proxies must pass each event on at once; the second header is nginx's.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@blueprint.get("/clock")
async def clock() -> Response:
    """Send the time every second, numbered, until the client leaves or the server drains."""
    draining = request.scope.get("state", {}).get("draining", trio.Event())
    last_id = request.headers.get("Last-Event-ID", default=0, type=int)
    return streamed(_ticks(draining, last_id), "text/event-stream", HEADERS)


async def _ticks(draining: trio.Event, count: int) -> AsyncGenerator[bytes, None]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    while not draining.is_set():
        count += 1
        yield f"id: {count}\ndata: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n\n".encode()
        with trio.move_on_after(TICK_SECONDS):
            await draining.wait()
    yield b"event: draining\ndata: this worker is leaving, connect again\n\n"
