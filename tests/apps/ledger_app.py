"""An app that writes each request that it is given, and each that it has answered, into a book: `make chaos` reads it.

A message of a WebSocket that crosses the worker's close frame cannot be answered any more: the app is told so by its
`send`, and writes that down as well.

A path is `/KIND/ID`, or `/KIND/ID/SECONDS` (of `grow` the times of `GROWTH`); every answer begins with the id and the
worker's process. A message of a WebSocket is an id.
"""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# The book stays open from the start: a worker whose descriptors are used up can still write into it.
BOOK = os.open(os.environ["CHAOS_BOOK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

# Bytes by which a worker grows at `/grow/ID/1`: more than `reload-on-rss` leaves it.
GROWTH = 160 << 20

GROWN: list[bytes] = []


def note(event: str, number: str) -> None:
    """Append one line: the kernel does not mix what several processes append in one write each."""
    os.write(BOOK, f"{event} {number} {os.getpid()} {time.monotonic():.3f}\n".encode())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await _session(receive, send)
    else:
        _, kind, number, *rest = scope["path"].split("/")
        note("begun", number)
        await KINDS[kind](number, float(rest[0]) if rest else 0.0, receive, send)
        note("answered", number)


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _session(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        number = message["text"]
        note("begun", number)
        try:
            await send({"type": "websocket.send", "text": f"{number} {os.getpid()}"})
        except OSError:
            note("crossed", number)
            raise
        note("answered", number)


async def _hello(number: str, seconds: float, receive: Receive, send: Send) -> None:
    await _answer(number, [b""], send)


async def _slow(number: str, seconds: float, receive: Receive, send: Send) -> None:
    await trio.sleep(seconds)
    await _answer(number, [b""], send)


async def _stream(number: str, seconds: float, receive: Receive, send: Send) -> None:
    await _answer(number, [bytes(1000)] * 10, send, seconds / 10)


async def _upload(number: str, seconds: float, receive: Receive, send: Send) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    await _answer(number, [f" {size}".encode()], send)


async def _block(number: str, seconds: float, receive: Receive, send: Send) -> None:
    time.sleep(seconds)  # noqa: ASYNC251  It is the fault that is wanted.
    await _answer(number, [b""], send)


async def _grow(number: str, seconds: float, receive: Receive, send: Send) -> None:
    GROWN.append(b"x" * int(GROWTH * seconds))
    await _answer(number, [b""], send)


async def _answer(number: str, pieces: list[bytes], send: Send, pause: float = 0.0) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"{number} {os.getpid()}".encode(), "more_body": True})
    for piece in pieces:
        await trio.sleep(pause)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


KINDS = {
    "hello": _hello,
    "slow": _slow,
    "stream": _stream,
    "upload": _upload,
    "block": _block,
    "grow": _grow,
}
