"""A WebSocket that sends back what it gets, text as text and binary as binary."""

from quart import Blueprint, websocket

blueprint = Blueprint("websocket_echo", __name__)


@blueprint.websocket("/ws/echo")
async def echo() -> None:
    """Echo every message until the client leaves; Quart-Trio ends the loop by cancelling it."""
    while True:
        message: str | bytes | None = await websocket.receive()
        # Quart hands an empty binary message over as None.
        await websocket.send(b"" if message is None else message)
