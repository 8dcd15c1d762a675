"""A Starlette app; on Trio it runs through AnyIO."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"greeting": "starlette"}


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.greeting)


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


def fail(request: Request) -> PlainTextResponse:
    raise ValueError("raised on request")


async def session(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = Starlette(
    routes=[
        Route("/", hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/raise", fail),
        WebSocketRoute("/ws", session),
    ],
    lifespan=lifespan,
)
