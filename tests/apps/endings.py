"""A bare ASGI app whose worker has something left to do when it ends, and one that never gets up."""

import atexit
import os
import time

import trio
import uwsgi
from probe import Receive, Scope, Send, app, tell

# Where there is such a file, the handler waits until it is gone.
HELD = os.environ.get("ENDINGS_HELD", "")


def _hook() -> None:
    tell("uwsgi.atexit is called")


@atexit.register
def _handler() -> None:
    tell("an exit handler begins")
    while os.path.exists(HELD):
        time.sleep(0.01)
    tell("an exit handler ends")


uwsgi.atexit = _hook


def failing_hook() -> object:
    """The app, with a hook that fails."""

    def hook() -> None:
        raise RuntimeError("the hook gave up")

    uwsgi.atexit = hook
    return app


async def never_up(scope: Scope, receive: Receive, send: Send) -> None:
    """Hangs in its startup."""
    await receive()
    tell("hangs")
    try:
        await trio.sleep_forever()
    finally:
        tell("hangs no more")


__all__ = ["app"]
