import os

import trio
from quart_trio import QuartTrio

from trio_worker import uwsgi_api

app = QuartTrio(__name__)
background = trio.CancelScope()
done = {"refreshed": 0, "swept": 0}


@app.before_serving
async def start() -> None:
    app.nursery.start_soon(work)


@app.after_serving
async def stop() -> None:
    background.cancel()


async def work() -> None:
    with background:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refresh)
            nursery.start_soon(sweep)


async def refresh() -> None:
    """Run in every worker: each has memory of its own to refresh."""
    while True:
        done["refreshed"] += 1
        await trio.sleep(0.1)


async def sweep() -> None:
    """Run in one worker at a time: the others wait for the lock, and one of them gets it when its holder ends."""
    async with uwsgi_api.lock():
        while True:
            done["swept"] += 1
            await trio.sleep(0.1)


@app.get("/done")
async def show() -> dict[str, int]:
    return {"worker": os.getpid(), **done}
