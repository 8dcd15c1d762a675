"""Does something for long without an answer; says when it hears that its client has gone, and when it is cancelled."""

from collections.abc import Awaitable, Callable
from typing import Any

import trio

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await _think(scope["query_string"].decode(), receive if scope["path"] == "/hears" else None)


async def _think(name: str, receive: Receive | None) -> None:
    print("began", name, flush=True)
    try:
        while receive is not None and "disconnect" not in (await receive())["type"]:
            pass
        if receive is not None:
            print("heard", name, flush=True)
        await trio.sleep(60)
    except trio.Cancelled:
        print("cancelled", name, flush=True)
        raise
