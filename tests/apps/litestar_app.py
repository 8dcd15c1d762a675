"""A Litestar app; on Trio it runs through AnyIO."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
from litestar import Litestar, MediaType, Request, Router, WebSocket, get, post, websocket, websocket_listener
from litestar.background_tasks import BackgroundTask
from litestar.connection import ASGIConnection
from litestar.datastructures import UploadFile
from litestar.di import Provide
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import Body
from litestar.response import File, Response, ServerSentEvent, Stream
from litestar.static_files import create_static_files_router
from probe import tell

HERE = Path(__file__).parent


@dataclasses.dataclass
class Order:
    name: str
    count: int


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    app.state.greeting = "litestar"
    yield
    tell("lifespan over")


async def _session() -> AsyncIterator[str]:
    """A dependency with something to clean up."""
    try:
        yield "a session"
    finally:
        tell("session over")


def _in_a_thread() -> str:
    return "a thread"


@get("/", media_type=MediaType.TEXT)
async def hello(request: Request[Any, Any, Any]) -> str:
    return str(request.app.state.greeting)


@get("/sync", media_type=MediaType.TEXT, sync_to_thread=True)
def in_a_thread() -> str:
    return "from a thread"


@post("/orders")
async def order(data: Order) -> Order:
    return dataclasses.replace(data, count=data.count + 1)


@post("/upload")
async def upload(data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)]) -> dict[str, Any]:
    return {"name": data.filename, "size": len(await data.read())}


@get("/dependency", media_type=MediaType.TEXT)
async def dependency(session: str, thread: str) -> str:
    return f"{session}, {thread}"


@get("/stream")
async def stream() -> Stream:
    async def pieces() -> AsyncIterator[str]:
        for number in range(5):
            yield f"{number} "
            await anyio.sleep(0.01)

    return Stream(pieces())


@get("/events")
async def events() -> ServerSentEvent:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            yield str(number)

    return ServerSentEvent(pieces())


@get("/background", media_type=MediaType.TEXT)
async def background() -> Response[str]:
    async def later() -> None:
        await anyio.sleep(0.2)
        tell("background done")

    return Response("answered", background=BackgroundTask(later))


@get("/file")
async def file() -> File:
    return File(HERE / "litestar_app.py")


@get("/fails")
async def fails() -> None:
    raise ValueError("raised on request")


def _refuse(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    raise NotAuthorizedException("no")


@get("/guarded", guards=[_refuse])
async def guarded() -> None:
    raise AssertionError


@websocket_listener("/listener")
async def listener(data: dict[str, int]) -> dict[str, int]:
    return {key: value + 1 for key, value in data.items()}


@websocket("/ws")
async def session(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    async for text in socket.iter_data("text"):
        await socket.send_text(text)
    tell("session of a websocket over")


@websocket("/guarded-ws", guards=[_refuse])
async def guarded_session(socket: WebSocket[Any, Any, Any]) -> None:
    raise AssertionError


HANDLERS = [hello, in_a_thread, order, upload, dependency, stream, events, background, file, fails, guarded]

app = Litestar(
    [
        *HANDLERS,
        listener,
        session,
        guarded_session,
        Router("/below", route_handlers=[hello]),
        create_static_files_router("/static", directories=[HERE]),
    ],
    lifespan=[lifespan],
    dependencies={"session": Provide(_session), "thread": Provide(_in_a_thread, sync_to_thread=True)},
)
