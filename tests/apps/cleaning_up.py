"""Fails by an OSError of its own when its client has gone: amid what it does then, or behind what `send` has raised."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    is_session = scope["type"] == "websocket"
    for message in await _begin(is_session, receive):
        await send(message)
    piece: Message = {"type": "websocket.send", "text": "more"}
    if not is_session:
        piece = {"type": "http.response.body", "body": b"more", "more_body": True}
    await WAYS[scope["path"]](receive, send, piece)


async def _begin(is_session: bool, receive: Receive) -> list[Message]:
    await receive()
    if is_session:
        return [{"type": "websocket.accept"}]
    start: Message = {"type": "http.response.start", "status": 200}
    return [start, {"type": "http.response.body", "body": b"x", "more_body": True}]


def _fail() -> None:
    Path("/nowhere/to/be/found").read_bytes()


async def _hears(receive: Receive, send: Send, piece: Message) -> None:
    while "disconnect" not in (await receive())["type"]:
        pass
    _fail()


async def _is_cancelled(receive: Receive, send: Send, piece: Message) -> None:
    try:
        while True:
            await send(piece)
            await trio.sleep(0.05)
    finally:
        _fail()


async def _sends(receive: Receive, send: Send, piece: Message) -> None:
    with trio.CancelScope(shield=True):
        while True:
            await send(piece)
            await trio.sleep(0.05)


async def _sends_by_tasks(receive: Receive, send: Send, piece: Message) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(_sends, receive, send, piece)


async def _wraps(receive: Receive, send: Send, piece: Message) -> None:
    try:
        await _sends(receive, send, piece)
    except OSError as error:
        raise ConnectionError("as a library says it") from error


WAYS = {
    "/hears": _hears,
    "/is-cancelled": _is_cancelled,
    "/sends": _sends,
    "/sends-by-tasks": _sends_by_tasks,
    "/wraps": _wraps,
}
