"""A Quart app whose requests wait in nurseries and cancel scopes, for what shows them."""

import time
from contextlib import ExitStack

import trio
from quart import request, websocket
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


@app.get("/many/<int:count>")
async def many(count: int) -> str:
    async with trio.open_nursery() as children:
        for _ in range(count):
            children.start_soon(trio.sleep_forever, name="x" * 1000)
    return "done"


async def nest(depth: int) -> None:
    async with trio.open_nursery() as children:
        children.start_soon(nest if depth > 1 else trio.sleep, depth - 1 if depth > 1 else 120)


@app.get("/nested/<int:depth>")
async def nested(depth: int) -> str:
    await nest(depth)
    return "done"


@app.get("/scopes/<int:count>")
async def scopes(count: int) -> str:
    with ExitStack() as entered:
        for _ in range(count):
            entered.enter_context(trio.CancelScope())
        await trio.sleep_forever()
    return "done"


async def from_thread() -> None:
    async with trio.open_nursery() as children:
        children.start_soon(fetch, 120)


@app.get("/elsewhere")
async def elsewhere() -> str:
    app.add_background_task(fetch, 60)
    await trio.to_thread.run_sync(trio.from_thread.run, from_thread, abandon_on_cancel=True)
    return "done"


class Odd:
    """A route that cannot be told."""

    @property
    def path(self) -> str:
        raise RuntimeError("no path")


@app.get("/odd")
async def odd() -> str:
    request.scope["route"] = Odd()  # type: ignore[typeddict-unknown-key]
    await trio.sleep_forever()
    return "done"
