"""Quart-Trio: what the Trio servers serve. `quart_app.py` is its twin, line for line."""

import os
from typing import Any

from quart import request, websocket
from quart_trio import QuartTrio

from benchmarks.apps.bare import HELLO

app = QuartTrio(__name__)


@app.get("/")
async def hello() -> str:
    return HELLO.decode()


@app.post("/echo")
async def echo() -> Any:
    return await request.get_json()


@app.websocket("/")
async def repeat() -> None:
    while True:
        await websocket.send(await websocket.receive())


@app.get("/pid")
async def pid() -> str:
    return str(os.getpid())
