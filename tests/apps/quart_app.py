"""A Quart-Trio app."""

from collections.abc import AsyncIterator

import trio
from quart import Response, request, websocket
from quart_trio import QuartTrio

app = QuartTrio(__name__)


@app.before_serving
async def start() -> None:
    app.config["GREETING"] = "quart"


@app.get("/")
async def hello() -> str:
    return str(app.config["GREETING"])


@app.post("/echo")
async def echo() -> bytes:
    data = await request.get_data()
    assert isinstance(data, bytes)
    return data


@app.get("/sleep")
async def sleep() -> str:
    await trio.sleep(float(request.args["seconds"]))
    return "slept"


@app.get("/stream")
async def stream() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await trio.lowlevel.checkpoint()

    return Response(chunks())


@app.get("/raise")
async def fail() -> str:
    raise ValueError("raised on request")


@app.websocket("/ws")
async def session() -> None:
    while True:
        await websocket.send(await websocket.receive())


def create_app() -> QuartTrio:
    """A factory, as `module = quart_app:create_app()` asks for it."""
    return app
