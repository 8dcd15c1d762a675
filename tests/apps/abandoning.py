"""An app that leaves threads behind which never end, in all the places that Trio has for them by default."""

import threading
from typing import Any

import trio

NEVER = threading.Event()

LARGE = b"a line of text\n" * 20_000


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return
    await ANSWERS.get(scope["path"], hello)(send)


async def answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hello(send: Any) -> None:
    await answer(send, b"hello")


async def large(send: Any) -> None:
    await answer(send, LARGE)


async def abandon(send: Any) -> None:
    """Leave a thread behind, and tell how many places are taken by now."""
    with trio.move_on_after(0.2):
        await trio.to_thread.run_sync(NEVER.wait, abandon_on_cancel=True)
    limiter = trio.to_thread.current_default_thread_limiter()
    await answer(send, b"%d of %d" % (limiter.borrowed_tokens, limiter.total_tokens))


async def file(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.pathsend", "path": __file__})


ANSWERS = {"/abandon": abandon, "/large": large, "/file": file}
