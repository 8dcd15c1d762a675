"""HTML pages of every kind, and what is none."""

import os
from typing import Any

import trio

PAGE = b"<!doctype html><title>a page</title><p>hello"
HTML = (b"content-type", b"text/html; charset=utf-8")
LENGTH = (b"content-length", b"%d" % len(PAGE))

ANSWERS: dict[str, tuple[int, list[tuple[bytes, bytes]]]] = {
    "/": (200, [HTML, LENGTH]),
    "/error": (500, [HTML, LENGTH]),
    "/json": (200, [(b"content-type", b"application/json"), LENGTH]),
    "/policy": (200, [HTML, LENGTH, (b"content-security-policy", b"default-src 'none'")]),
    "/coded": (200, [HTML, LENGTH, (b"content-encoding", b"gzip")]),
    "/part": (206, [HTML, LENGTH, (b"content-range", b"bytes 0-43/100")]),
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    path = scope["path"]
    if path == "/streamed":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        for byte in PAGE:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await send({"type": "http.response.body"})
    elif path == "/file":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        await send({"type": "http.response.pathsend", "path": os.environ["PAGE"]})
    elif path == "/open-file":
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        async with await trio.open_file(os.environ["PAGE"], "rb") as file:
            await send({"type": "http.response.zerocopysend", "file": file.fileno(), "offset": 2, "count": 7})
    else:
        status, headers = ANSWERS[path]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})
