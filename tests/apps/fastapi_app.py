"""A FastAPI app, one of its routes a plain function that FastAPI runs in a thread."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    yield {"greeting": "fastapi"}


app = FastAPI(lifespan=lifespan)


@app.get("/")
def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.greeting)


@app.get("/items/{number}")
async def item(number: int) -> PlainTextResponse:
    return PlainTextResponse(str(number))


@app.post("/echo")
async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@app.get("/raise")
async def fail() -> None:
    raise ValueError("raised on request")


@app.websocket("/ws")
async def session(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)
