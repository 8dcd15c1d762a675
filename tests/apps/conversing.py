"""Sends the messages of the conversation whose number is its path (tests/serving/app_messages.toml)."""

from collections.abc import Awaitable, Callable
from typing import Any

from support.app_messages import read

CONVERSATIONS = read()


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()
    for message in CONVERSATIONS[int(scope["path"][1:])].play(scope["type"] == "websocket"):
        await send(message)
