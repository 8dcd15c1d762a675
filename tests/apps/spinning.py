"""An app that goes on for ever, whatever `send` and `receive` raise; its other requests say how many did so before."""

from contextlib import suppress
from typing import Any, NoReturn

import trio

WRONG: dict[str, Any] = {
    "no-type": {"body": b""},
    "unknown": {"type": "http.nonsense"},
    "none": None,
    "status": {"type": "http.response.start", "status": "200"},
    "headers": {"type": "http.response.start", "status": 200, "headers": 5},
    "early": {"type": "http.response.body", "body": b"hello"},
    "hint": {"type": "http.response.early_hint", "links": 5},
    "accept": {"type": "websocket.accept", "headers": 5},
    "deny": {"type": "websocket.http.response.start", "status": 99},
    "send": {"type": "websocket.send", "text": 5},
    "close": {"type": "websocket.close", "code": "1000"},
}

spinning = 0


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return
    kind, _, name = scope["path"].strip("/").partition("/")
    if kind == "sends":
        await spin(send, WRONG[name])
    elif kind == "accepts":
        await receive()
        await send({"type": "websocket.accept"})
        await spin(send, WRONG[name])
    elif kind == "begins":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await spin(send, WRONG[name])
    elif kind == "receives":
        await receive_twice(receive, send, scope["type"])
    else:
        body = b"%d" % spinning
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


async def spin(send: Any, message: Any) -> NoReturn:
    global spinning
    spinning += 1
    while True:
        with suppress(Exception):
            await send(message)


async def receive_twice(receive: Any, send: Any, kind: str) -> None:
    """Receive in two tasks, one of which does not take no for an answer."""
    global spinning
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.sleep(0.1)  # It waits by then, and cannot be seen to do so.
        spinning += 1
        while True:
            with suppress(Exception):
                await receive()
