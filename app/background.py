"""A background task in the app's own nursery, from the server's start to its end."""

import os
from typing import cast

import trio
from quart import Blueprint, Response, current_app, jsonify
from quart_trio import QuartTrio

blueprint = Blueprint("background", __name__)

BEAT_SECONDS = 1.0


class Heart:
    """A counter that goes up by one every `BEAT_SECONDS` while it beats."""

    def __init__(self) -> None:
        self.beats = 0
        self._scope = trio.CancelScope()

    async def beat(self) -> None:
        """Count until `stop`."""
        with self._scope:
            while True:
                self.beats += 1
                await trio.sleep(BEAT_SECONDS)

    def stop(self) -> None:
        """End `beat`, or keep it from starting."""
        self._scope.cancel()


def _heart() -> Heart:
    heart: Heart = current_app.extensions["heart"]
    return heart


@blueprint.before_app_serving
async def start() -> None:
    """Give this process a heart of its own, after the fork."""
    app = cast(QuartTrio, current_app)
    app.extensions["heart"] = Heart()
    app.nursery.start_soon(_heart().beat)


@blueprint.after_app_serving
async def stop() -> None:
    """Stop the heart; Quart-Trio would wait BACKGROUND_TASK_SHUTDOWN_TIMEOUT (5 s) before it cancels it."""
    _heart().stop()


@blueprint.get("/background")
async def background() -> Response:
    """Answer with the number of heartbeats since this process began to serve."""
    return jsonify(beats=_heart().beats, pid=os.getpid())
