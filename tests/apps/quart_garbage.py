"""A QuartTrio app that tells how much its requests have left to Python's garbage collector."""

import gc

from quart_trio import QuartTrio

app = QuartTrio(__name__)


@app.get("/")
async def hello() -> str:
    return "hello"


@app.get("/garbage")
async def garbage() -> str:
    """Collect now, and tell how many objects nobody could reach."""
    return str(gc.collect())
