"""A Quart app whose WebSocket receives nothing until somebody asks for /go."""

import trio
from quart import websocket
from quart_trio import QuartTrio

app = QuartTrio(__name__)
GO = trio.Event()


@app.get("/go")
async def go() -> str:
    GO.set()
    return "gone"


@app.websocket("/late")
async def late() -> None:
    await websocket.accept()
    await GO.wait()
    while True:
        await websocket.send(str(len(await websocket.receive())))
