"""The probe app, whose startup takes two seconds."""

import probe
import trio
from probe import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await trio.sleep(2)
    await probe.app(scope, receive, send)
