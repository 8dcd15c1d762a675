"""An app whose answers can be compressed, or must not be."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

Send = Callable[[dict[str, Any]], Awaitable[None]]

TEXT = b"All that is said twice can be said once. " * 500
OWN_FILE = str(Path(__file__).absolute())
HTML = (b"content-type", b"text/html; charset=utf-8")

# The head of an answer that is a text in one piece, by its path.
HEADS: dict[str, tuple[int, list[tuple[bytes, bytes]]]] = {
    "/text": (200, [HTML, (b"content-length", b"%d" % len(TEXT)), (b"etag", b'"one"'), (b"accept-ranges", b"bytes")]),
    "/json": (200, [(b"Content-Type", b"application/problem+json"), (b"Vary", b"Cookie")]),
    "/error": (404, [HTML]),
    "/image": (200, [(b"content-type", b"image/png")]),
    "/untyped": (200, []),
    "/coded": (200, [HTML, (b"content-encoding", b"x-own")]),
    "/part": (206, [HTML, (b"content-range", b"bytes 0-9/10")]),
    "/kept": (200, [HTML, (b"cache-control", b"private, no-transform")]),
    "/varies": (200, [HTML, (b"vary", b"Accept-Encoding, Origin")]),
}


async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError("only HTTP here")
    path = scope["path"]
    if path in HEADS:
        status, headers = HEADS[path]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else TEXT})
    elif path == "/small":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        await send({"type": "http.response.body", "body": b"small"})
    elif path == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        await send({"type": "http.response.body", "body": TEXT * 100})
    elif path == "/file":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        await send({"type": "http.response.pathsend", "path": OWN_FILE})
    elif path == "/empty":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    elif path == "/raises":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        raise ValueError("before its body")
    elif path == "/tasks":
        await _from_tasks(send)
    else:
        await _stream(path, send)


async def _stream(path: str, send: Send) -> None:
    """Send ten pieces; events only when the client may have read the one before."""
    kind = b"text/event-stream" if path == "/events" else b"text/plain"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    for number in range(10):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        if path == "/events" and number == 0:
            await trio.sleep(1)
    await send({"type": "http.response.body", "body": b"data: end\n\n"})


async def _from_tasks(send: Send) -> None:
    """Send large pieces from several tasks at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
    async with trio.open_nursery() as nursery:
        for number in range(8):
            piece = {"type": "http.response.body", "body": b"%d" % number * 100_000, "more_body": True}
            nursery.start_soon(send, piece)
    await send({"type": "http.response.body", "body": b""})
