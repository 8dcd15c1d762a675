"""The app that is served: a little of everything that a service does."""

import os
from collections.abc import AsyncIterator

import trio
from quart import request, websocket
from quart_trio import QuartTrio

app = QuartTrio(__name__)

PIECE = b"p" * 65536


@app.get("/")
async def hello() -> str:
    """Answer at once."""
    return "hello"


@app.post("/length")
async def length() -> str:
    """Answer how long the body is."""
    return str(len(await request.get_data()))


@app.get("/stream")
async def stream() -> tuple[AsyncIterator[bytes], dict[str, str]]:
    """Stream a megabyte."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield PIECE

    return pieces(), {"content-type": "application/octet-stream"}


@app.get("/slow")
async def slow() -> str:
    """Answer when nobody waits any more."""
    await trio.sleep(5)
    return "late"


@app.get("/tasks")
async def tasks() -> dict[str, int]:
    """Count the tasks of this worker."""
    root = trio.lowlevel.current_root_task()
    return {"pid": os.getpid(), "tasks": _count(root) if root is not None else 0}


def _count(task: trio.lowlevel.Task) -> int:
    return 1 + sum(_count(child) for nursery in task.child_nurseries for child in nursery.child_tasks)


@app.websocket("/ws")
async def echo() -> None:
    """Send back what comes."""
    while True:
        await websocket.send(await websocket.receive())
