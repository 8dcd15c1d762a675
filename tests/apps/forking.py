"""An app that forks a child, which does nothing and lives on."""

import os
import signal

from trio_worker.asgi import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"hello"
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/fork":
        child = os.fork()
        if not child:
            signal.pause()
            os._exit(0)
        body = b"%d" % child
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
