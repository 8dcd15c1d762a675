"""Apps of frameworks that fail where a framework has its own points: middleware, hooks, dependencies.

The first segment of a path names the framework, the second one the point.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import trio
from fastapi import Depends, FastAPI
from quart import Response as QuartResponse
from quart import request, websocket
from quart_trio import QuartTrio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

Next = Callable[[Request], Awaitable[Response]]


class Fault(Exception):
    """The app's."""


async def fail(*_: object) -> Any:
    raise Fault


async def halves(name: str) -> AsyncIterator[bytes]:
    yield b"half"
    await trio.sleep(0.05)
    if name == "amid":
        raise Fault
    yield b"half"


class Failing(BaseHTTPMiddleware):
    """Fails before or behind the app."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        point = request.url.path.rsplit("/", 1)[1]
        if point == "middleware-before":
            raise Fault
        response = await call_next(request)
        if point == "middleware-behind":
            raise Fault
        return response


async def starlette_point(request: Request) -> Response:
    point = request.path_params["point"]
    if point == "handler":
        raise Fault
    if point == "error-handler":
        raise KeyError(point)
    if point == "background":
        return PlainTextResponse("halfhalf", background=BackgroundTask(fail))
    return StreamingResponse(halves(point))


async def starlette_session(session: WebSocket) -> None:
    if session.path_params["point"] == "first":
        raise Fault
    await session.accept()
    raise Fault


STARLETTE = Starlette(
    routes=[
        Route("/starlette/{point}", starlette_point),
        WebSocketRoute("/starlette/session/{point}", starlette_session),
    ],
    middleware=[Middleware(Failing), Middleware(Failing)],
    exception_handlers={KeyError: fail},
)

FASTAPI = FastAPI()


async def enters() -> AsyncIterator[None]:
    raise Fault
    yield


async def leaves() -> AsyncIterator[None]:
    yield
    raise Fault


@FASTAPI.get("/fastapi/dependency")
async def fastapi_dependency(_: Annotated[None, Depends(enters)]) -> str:
    return "halfhalf"


@FASTAPI.get("/fastapi/exit")
async def fastapi_exit(_: Annotated[None, Depends(leaves)]) -> str:
    return "halfhalf"


@FASTAPI.get("/fastapi/exit-amid")
async def fastapi_exit_amid(_: Annotated[None, Depends(leaves)]) -> StreamingResponse:
    return StreamingResponse(halves("whole"))


QUART = QuartTrio(__name__)


def here(point: str) -> bool:
    return request.path.rsplit("/", 1)[1] == point


@QUART.before_request
async def before() -> None:
    if here("before"):
        raise Fault


@QUART.after_request
async def after(response: Any) -> Any:
    if here("after"):
        raise Fault
    return response


@QUART.teardown_request
async def teardown(_: object) -> None:
    if here("teardown"):
        raise Fault


@QUART.errorhandler(KeyError)
async def handle(_: KeyError) -> str:
    raise Fault


@QUART.get("/quart/<point>")
async def quart_point(point: str) -> Any:
    if point == "handler":
        raise Fault
    if point == "error-handler":
        raise KeyError(point)
    if point in ("amid", "whole"):
        return QuartResponse(halves(point))
    if point == "background":
        QUART.add_background_task(fail)
    return "halfhalf"


@QUART.websocket("/quart/session/<point>")
async def quart_session(point: str) -> None:
    if point == "first":
        raise Fault
    await websocket.accept()
    if point == "waits":
        await websocket.receive()
        await websocket.send("went on")
        return
    raise Fault


APPS: dict[str, Any] = {"starlette": STARLETTE, "fastapi": FASTAPI, "quart": QUART}


async def app(scope: Any, receive: Any, send: Any) -> None:
    name = "quart" if scope["type"] == "lifespan" else scope["path"].split("/")[1]
    await APPS[name](scope, receive, send)
