"""The stream of states for open pages: the instance is looked at once a second for all of them, and never for none."""

import json

import trio

from trio_worker.asgi import Scope, Send
from trio_worker.refusal import Refusal, answer
from trio_worker.status.instance import Instance

# Seconds between two looks.
INTERVAL = 1.0

# Pages that may be open at a time in a worker, so that its status has connections left for whatever asks once.
MOST = 32

FULL = Refusal(503, f"{MOST} pages are open here already.")


class Watch:
    """The look at the instance that all open pages share.

    Args:
        instance: what is looked at.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._watchers = 0
        self._wanted = trio.Event()
        self._looked = trio.Event()
        self._event = b""

    async def run(self) -> None:
        """Look as long as somebody watches, until cancelled."""
        while True:
            await self._wanted.wait()
            self._event = b"data: " + json.dumps(await self._instance.state()).encode() + b"\n\n"
            looked, self._looked = self._looked, trio.Event()
            looked.set()
            await trio.sleep(INTERVAL)
            if not self._watchers:
                self._wanted = trio.Event()

    async def page(self, scope: Scope, send: Send) -> None:
        """Send what is seen as server-sent events; a client that reads slowly gets the latest and not all."""
        if self._watchers >= MOST:
            await answer(scope, send, FULL)
            return
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._watchers += 1
        self._wanted.set()
        try:
            while True:
                await self._looked.wait()
                await send({"type": "http.response.body", "body": self._event, "more_body": True})
        finally:
            self._watchers -= 1
