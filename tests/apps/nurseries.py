"""A Quart app whose requests wait in nurseries and cancel scopes, for what shows them."""

import time

import trio
from quart import websocket
from quart_trio import QuartTrio

app = QuartTrio(__name__)


@app.get("/")
async def hello() -> str:
    return "hello"


async def fetch(seconds: float) -> None:
    with trio.move_on_after(seconds):
        await trio.sleep_forever()


@app.get("/nursery/<name>")
async def nursery(name: str) -> str:
    async with trio.open_nursery() as children:
        children.start_soon(fetch, 120)
        with trio.move_on_after(90):
            await trio.sleep_forever()
        children.cancel_scope.cancel()
    return name


@app.websocket("/socket/<name>")
async def socket(name: str) -> None:
    while True:
        message = await websocket.receive()
        if message != "silence":
            await websocket.send(message)


@app.websocket("/refused")
async def refused() -> None:
    await trio.sleep_forever()


@app.get("/late")
async def late() -> str:
    await trio.sleep(1.05)
    return "late"


@app.get("/bad")
async def bad() -> str:
    raise ValueError("bad <b>luck</b>")


@app.get("/block/<float:seconds>")
async def block(seconds: float) -> str:
    print("the loop is blocked", flush=True)
    time.sleep(seconds)  # noqa: ASYNC251 - the loop is to be stuck
    return "done"
