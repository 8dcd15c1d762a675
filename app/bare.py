"""The same few answers without a framework: a bare ASGI callable, for benchmarks and tests of servers.

It imports no event loop, so that servers on Trio and on asyncio can be compared with it.

Source: https://asgi.readthedocs.io/en/stable/specs/www.html and .../lifespan.html
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GREETING = b"Hello, World!"
STREAM_CHUNKS = 16
STREAM_CHUNK = b"x" * 65536


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ``/``, ``/hello``, ``/stream`` and ``/echo``; anything else is 404, a WebSocket is refused."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        answer = ROUTES.get(scope["path"], _not_found)
        await answer(receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        raise ValueError(f"unknown ASGI scope type {scope['type']!r}")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _hello(receive: Receive, send: Send) -> None:
    await _answer(send, 200, b"text/plain; charset=utf-8", GREETING)


async def _echo(receive: Receive, send: Send) -> None:
    """Collect the body first: a client that sends all before it reads would block a streamed echo."""
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    await _answer(send, 200, b"application/octet-stream", b"".join(parts))


async def _stream(receive: Receive, send: Send) -> None:
    """Send 1 MiB in chunks of 64 KiB, its length not announced."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/octet-stream")],
        }
    )
    for _ in range(STREAM_CHUNKS):
        await send({"type": "http.response.body", "body": STREAM_CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _not_found(receive: Receive, send: Send) -> None:
    await _answer(send, 404, b"text/plain; charset=utf-8", b"Not Found")


async def _answer(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


ROUTES = {"/": _hello, "/hello": _hello, "/stream": _stream, "/echo": _echo}
