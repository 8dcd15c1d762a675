"""What goes on until its client has gone: requests that are held, and a WebSocket."""

import trio
from quart import current_app, request, websocket

from quart_cases.noting import LONG, SHORT, cases, note


@cases.route("/hold/<how>", methods=["GET", "POST"])
async def hold(how: str) -> str:
    """Runs until it is cancelled, or a little longer."""
    note("holding")
    try:
        await _hold(how)
    except trio.Cancelled:
        note("cancelled")
        if how == "swallow":
            return "not the right thing to do"
        raise
    finally:
        note("left")
    return "held"


async def _hold(how: str) -> None:
    if how == "shield":
        with trio.CancelScope(shield=True):
            await trio.sleep(SHORT)
            note("shielded work is done")
    elif how == "nursery":
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, LONG)
            nursery.start_soon(trio.sleep, LONG)
    elif how == "body":
        await request.get_data()
    else:
        await trio.sleep(LONG)


@cases.websocket("/ws")
async def echo() -> None:
    while True:
        await websocket.send(f"{current_app.name} {await websocket.receive()!r}")
