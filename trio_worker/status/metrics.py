"""`/metrics`: the figures of all workers for Prometheus, made in a thread so that no request waits for them."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import trio

from trio_worker.asgi import Scope, Send
from trio_worker.master.figures.region import Region
from trio_worker.refusal import Refusal, answer
from trio_worker.status.app import Page

MISSING = Refusal(501, "This needs the package prometheus_client: pip install 'trio-worker[metrics]'.")


def make_page(regions: Sequence[Region], uwsgi: Any, flush: Callable[[], None]) -> Page:
    """Return the page.

    Args:
        regions: of all workers.
        uwsgi: uWSGI's module.
        flush: has this worker write what it has not written at once.
    """
    if importlib.util.find_spec("prometheus_client") is None:
        return _say_what_is_missing
    from trio_worker.status.exposition import Exposition

    exposition = Exposition(regions, uwsgi.workers, uwsgi.version.decode())
    # One at a time: each takes some milliseconds of the interpreter.
    limiter = trio.CapacityLimiter(1)

    async def page(scope: Scope, send: Send) -> None:
        flush()
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"").decode("latin-1")
        body, kind = await trio.to_thread.run_sync(exposition.render, accept, limiter=limiter)
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return page


async def _say_what_is_missing(scope: Scope, send: Send) -> None:
    await answer(scope, send, MISSING)
