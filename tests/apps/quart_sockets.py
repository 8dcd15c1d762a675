"""WebSockets of Quart's whose handlers do something else than to receive; `/notes/<name>` has what they noted.

The last note of a session says how the app ended: by itself, or cancelled from outside of it.
"""

import math
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from quart import websocket
from quart.signals import websocket_sent
from quart_trio import QuartTrio

from trio_worker.asgi import App, Receive, Scope, Send

LONG = 3600

app = QuartTrio(__name__)
notes: dict[str, list[str]] = defaultdict(list)
sent: list[object] = []
told = trio.Event()


@app.get("/notes/<name>")
async def noted(name: str) -> list[str]:
    return notes[name]


@app.get("/sent")
async def count_sent() -> dict[str, int]:
    return {"sent": len(sent)}


@websocket_sent.connect
async def count(message: object, **others: object) -> None:
    sent.append(message)


async def sleep() -> None:
    await trio.sleep(LONG)


async def push() -> None:
    while True:
        await websocket.send("x")
        await trio.sleep(0.001)


async def flood() -> None:
    while True:
        await websocket.send("x" * 1000)


async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def echo_once() -> None:
    await websocket.send(await websocket.receive())
    await trio.sleep(LONG)


async def shielded() -> None:
    with trio.move_on_after(0.1, shield=True):
        await websocket.receive()
        await websocket.receive()


async def several() -> None:
    """Have three tasks that receive, and one that sends what they have received."""
    into, out = trio.open_memory_channel[Any](0)

    async def forward() -> None:
        while True:
            await into.send(await websocket.receive())

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(forward)
        async for message in out:
            await websocket.send(message)


async def impatient() -> None:
    """Give up again and again to receive, and lose nothing by it."""
    while True:
        with trio.move_on_after(0.0005):
            await websocket.send(await websocket.receive())


async def late() -> None:
    """Receive what has come meanwhile, when the client says so by a request."""
    await told.wait()
    while True:
        await websocket.send(await websocket.receive())


@app.get("/go")
async def go() -> str:
    told.set()
    return "go"


HANDLERS: dict[str, Callable[[], Awaitable[None]]] = {
    each.__name__: each for each in (sleep, push, flood, echo, echo_once, shielded, several, impatient, late)
}


@app.websocket("/<how>/<name>")
async def handle(how: str, name: str) -> None:
    await websocket.accept()
    notes[name].append("accepted")
    try:
        await HANDLERS[how]()
    finally:
        notes[name].append("cancelled" if trio.current_effective_deadline() == -math.inf else "done")


@app.websocket("/unaccepted/<name>")
async def unaccepted(name: str) -> None:
    notes[name].append("asked")
    await trio.sleep(LONG)


class Noting:
    """Middleware that notes how the app has ended."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = notes[scope["path"].rpartition("/")[2]] if scope["type"] == "websocket" else []
        try:
            await self._app(scope, receive, send)
        except trio.Cancelled:
            found.append("from outside")
            raise
        except BaseException as error:
            found.append(repr(error))
            raise
        found.append("returned")


app.asgi_app = Noting(app.asgi_app)  # type: ignore[method-assign,assignment,arg-type]
