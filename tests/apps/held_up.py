"""Reads what comes, and holds up its worker where it is asked to."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await _echo(receive, send)
    elif scope["type"] == "http":
        await _answer(scope, receive, send)


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
    print("the session heard", message["code"], flush=True)


async def _answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["path"] in ("/holds-up", "/reads-late"):
        print("holds up", flush=True)
        time.sleep(float(scope["query_string"]))  # noqa: ASYNC251 - nothing else goes on meanwhile
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    else:
        print("the request heard", message["type"], flush=True)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
