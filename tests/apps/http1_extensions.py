"""What an ASGI app can send besides head and body; https://asgi.readthedocs.io/en/latest/extensions.html."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import trio
from probe import Receive, Scope, Send

FILE = bytes(range(256)) * 4096


def query(scope: Scope, name: str, default: str = "") -> str:
    given: bytes = scope["query_string"]
    return parse_qs(given.decode()).get(name, [default])[0]


async def start(send: Send, status: int = 200, headers: Any = (), **more: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers, **more})


async def body(send: Send, data: Any = b"", more: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def _trailers(scope: Scope, receive: Receive, send: Send) -> None:
    assert query(scope, "unannounced") or "http.response.trailers" in scope["extensions"]
    headers = [(b"content-length", b"4")] if query(scope, "length") else []
    await start(send, headers=[*headers, (b"trailer", b"x-sum")], trailers=True)
    await body(send, b"body")
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
    await send({"type": "http.response.trailers", "headers": [(b"x-other", b"2")]})


async def _hint(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload", b"</a.js>; rel=preload"]})
    await start(send)
    await body(send, b"hinted")


def _file() -> str:
    path = os.path.join(tempfile.gettempdir(), f"behaviour-{os.getpid()}")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(FILE)
    return path


async def _path(scope: Scope, receive: Receive, send: Send) -> None:
    """A file by its name; `length` announces as many bytes."""
    path = query(scope, "path") or _file()
    length = query(scope, "length")
    await start(send, headers=[(b"content-length", length.encode())] if length else [])
    await send({"type": "http.response.pathsend", "path": path})


async def _parts(scope: Scope, receive: Receive, send: Send) -> None:
    """An open file in pieces: from its position, from an offset, and bytes between them."""
    await start(send)
    with Path(_file()).open("rb") as file:  # noqa: ASYNC230 - small, and in memory  # noqa: ASYNC230 - a test's own small file
        part: dict[str, Any] = {"type": "http.response.zerocopysend", "file": file, "more_body": True}
        file.seek(256)
        await send(part | {"count": 4})
        await send(part | {"count": 4})
        await body(send, b"between", more=True)
        await send(part | {"offset": 1000, "count": 10, "file": file.fileno()})
        await send(part | {"offset": len(FILE) - 3, "more_body": False})


async def _short(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a file that becomes shorter meanwhile, and does not mind."""
    announced = len(FILE) + 100
    await start(send, headers=[(b"content-length", b"%d" % announced)])

    async def shorten() -> None:
        file.truncate(len(FILE))

    with tempfile.TemporaryFile() as file:
        file.write(FILE + bytes(100))
        file.flush()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shorten)
            with contextlib.suppress(EOFError):
                part = {"type": "http.response.zerocopysend", "file": file, "offset": 0, "count": announced}
                await send(part | {"more_body": True})
    await body(send, b"")


ROUTES = {"/short": _short, "/trailers": _trailers, "/hint": _hint, "/path": _path, "/parts": _parts}
