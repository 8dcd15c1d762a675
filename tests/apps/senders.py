"""A bare ASGI app that sends from several tasks at a time, and when its answer is complete already."""

import tempfile
from typing import Any

import trio
from http1_extensions import body, start
from probe import ROUTES, Receive, Scope, Send, app, tell

# Large enough that a client which does not read makes every one of them wait.
SIZE = 3_000_000
ROUNDS = 3


async def _beyond(scope: Scope, receive: Receive, send: Send) -> None:
    """Goes on sending, a whole answer once more, and some of it in pieces."""
    await start(send, headers=[(b"content-length", b"6")])
    await body(send, b"answer")
    await start(send)
    await body(send, b"more", more=True)
    await body(send, b"and more")
    tell("sent beyond the end")


async def _tasks(scope: Scope, receive: Receive, send: Send) -> None:
    """Each task sends pieces of a letter of its own; one of them sends files."""
    await start(send)
    async with trio.open_nursery() as nursery:
        for letter in b"abc":
            nursery.start_soon(_repeat, send, bytes([letter]) * SIZE)
        if "http.response.zerocopysend" in scope["extensions"]:
            nursery.start_soon(_repeat_file, send, b"d" * SIZE)
        tell("all of them send")
    await body(send)


async def _repeat(send: Send, piece: bytes) -> None:
    for _ in range(ROUNDS):
        await body(send, piece, more=True)


async def _repeat_file(send: Send, piece: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(piece)
        file.flush()
        message: dict[str, Any] = {"type": "http.response.zerocopysend", "file": file, "offset": 0, "more_body": True}
        for _ in range(ROUNDS):
            await send(message)


async def _impatient(scope: Scope, receive: Receive, send: Send) -> None:
    """One task gives up while it waits behind another."""
    await start(send)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_repeat, send, b"a" * SIZE)
        with trio.move_on_after(0.3):
            await _repeat(send, b"b" * SIZE)
        tell("gave up")


async def _cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers when it has been cancelled, as one does who says so to the client."""
    with trio.CancelScope() as cancelled:
        cancelled.cancel()
        await start(send, headers=[(b"content-length", b"4")])
        await body(send, b"over")
        tell("has answered")


ROUTES |= {"/beyond": _beyond, "/tasks": _tasks, "/impatient": _impatient, "/cancelled": _cancelled}

__all__ = ["app"]
