"""The promises of Starlette to its users, each as a route, which leaves a word in the log where nobody hears it."""

import contextvars
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import trio
from probe import tell
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

HERE = Path(__file__).parent
_number: contextvars.ContextVar[str] = contextvars.ContextVar("number", default="none")


class Unlucky(Exception):
    """Has a handler of its own."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    async with anyio.create_task_group() as tasks:
        yield {"tasks": tasks, "greeting": "starlette"}
        tasks.cancel_scope.cancel()
    tell("lifespan over")


async def state(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.greeting)


async def about(request: Request) -> JSONResponse:
    told = {
        "url": str(request.url),
        "own": str(request.url_for("about", name="me")),
        "name": request.path_params["name"],
    }
    told |= {"query": dict(request.query_params), "cookies": request.cookies, "root_path": request.scope["root_path"]}
    return JSONResponse(told)


async def stream(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        for number in range(5):
            yield f"{number} "
            await anyio.sleep(0.01)

    return StreamingResponse(pieces(), media_type="text/plain")


def stream_in_threads(request: Request) -> StreamingResponse:
    def pieces() -> Iterator[str]:
        for _ in range(5):
            yield "main " if threading.current_thread() is threading.main_thread() else "other "

    return StreamingResponse(pieces(), media_type="text/plain")


async def endless(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await anyio.sleep(0.01)
        finally:
            tell("endless stream over")

    return StreamingResponse(pieces())


async def stream_fails(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        yield "half"
        await anyio.sleep(0.05)
        raise ValueError("in the middle of a stream")

    return StreamingResponse(pieces())


async def background(request: Request) -> PlainTextResponse:
    async def later(seconds: float) -> None:
        await anyio.sleep(seconds)
        tell("background done")

    def in_a_thread() -> None:
        tell(f"background in {threading.current_thread() is threading.main_thread()}")

    tasks = BackgroundTasks()
    tasks.add_task(later, 0.5)
    tasks.add_task(in_a_thread)
    return PlainTextResponse("answered", background=tasks)


async def background_fails(request: Request) -> PlainTextResponse:
    async def later() -> None:
        raise ValueError("in the background")

    return PlainTextResponse("answered", background=BackgroundTask(later))


async def lifespan_task(request: Request) -> PlainTextResponse:
    """Starts work that outlives its request, in the nursery of the lifespan."""

    async def later() -> None:
        await anyio.sleep(0.2)
        tell("lifespan task done")

    request.state.tasks.start_soon(later)
    return PlainTextResponse("started")


async def disconnected(request: Request) -> PlainTextResponse:
    """Looks now and then, and is cancelled or told, whichever comes first."""
    tell(f"disconnected {await request.is_disconnected()}")
    began = anyio.current_time()
    try:
        with anyio.move_on_after(5):
            while not await request.is_disconnected():  # noqa: ASYNC110 - this is what is tested
                await anyio.sleep(0.01)
            return PlainTextResponse("told")
    finally:
        tell(f"looking over, at its own deadline: {anyio.current_time() > began + 5}")
    return PlainTextResponse("nobody left")


async def body_stream(request: Request) -> PlainTextResponse:
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if not size:
                tell("no body yet")
    except ClientDisconnect:
        tell("ClientDisconnect")
        raise
    return PlainTextResponse(str(size))


async def form(request: Request) -> JSONResponse:
    async with request.form() as given:
        file = given["file"]
        assert not isinstance(file, str)
        return JSONResponse({"word": given["word"], "name": file.filename, "size": len(await file.read())})


async def http_exception(request: Request) -> Response:
    raise HTTPException(418, "a teapot", headers={"x-kind": "teapot"})


async def unlucky(request: Request) -> Response:
    raise Unlucky


async def fails(request: Request) -> Response:
    raise ValueError("raised on request")


async def file(request: Request) -> FileResponse:
    return FileResponse(HERE / "starlette_promises.py", filename="a b.py")


async def redirect(request: Request) -> RedirectResponse:
    return RedirectResponse("/state")


async def cookies(request: Request) -> Response:
    response = PlainTextResponse("set")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True, samesite="strict")
    response.delete_cookie("c")
    return response


async def threads(request: Request) -> PlainTextResponse:
    """Blocks a thread, which knows the context of its request."""
    _number.set(request.query_params["n"])

    def block() -> str:
        time.sleep(0.05)
        return _number.get()

    return PlainTextResponse(await run_in_threadpool(block))


async def by_trio(request: Request) -> PlainTextResponse:
    with trio.move_on_after(0.05) as scope:
        await trio.sleep_forever()
    return PlainTextResponse(str(scope.cancelled_caught))


async def middleware(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    try:
        response = await call_next(request)
    except Unlucky:
        return PlainTextResponse("unlucky in the middle", 503)
    response.headers["x-middle"] = "yes"
    return response


async def echo(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=(websocket.scope["subprotocols"] or [None])[0], headers=[(b"x-own", b"1")])
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message.get("reason"))
            await websocket.send({"type": "websocket.send", **{k: message.get(k) for k in ("text", "bytes")}})
    except WebSocketDisconnect as left:
        tell(f"WebSocketDisconnect {left.code}")


async def json(websocket: WebSocket) -> None:
    await websocket.accept()
    data = await websocket.receive_json()
    await websocket.send_json(data | {"user": websocket.query_params["user"]})
    await websocket.send_json(data, mode="binary")
    await websocket.close(4000, "enough")


async def denies(websocket: WebSocket) -> None:
    await websocket.send_denial_response(JSONResponse({"why": "full"}, 429, headers={"retry-after": "5"}))


async def refuses(websocket: WebSocket) -> None:
    await websocket.close(4003)


async def session_fails(websocket: WebSocket) -> None:
    await websocket.accept()
    raise ValueError("in a session")


ROUTES = [
    Route("/state", state),
    Route("/about/{name}", about, name="about"),
    Route("/stream", stream),
    Route("/stream-in-threads", stream_in_threads),
    Route("/endless", endless),
    Route("/stream-fails", stream_fails),
    Route("/background", background),
    Route("/background-fails", background_fails),
    Route("/lifespan-task", lifespan_task),
    Route("/disconnected", disconnected),
    Route("/body-stream", body_stream, methods=["POST"]),
    Route("/form", form, methods=["POST"]),
    Route("/http-exception", http_exception),
    Route("/unlucky", unlucky),
    Route("/fails", fails),
    Route("/file", file),
    Route("/redirect", redirect),
    Route("/cookies", cookies),
    Route("/threads", threads),
    Route("/trio", by_trio),
    WebSocketRoute("/ws", echo),
    WebSocketRoute("/json", json),
    WebSocketRoute("/denies", denies),
    WebSocketRoute("/refuses", refuses),
    WebSocketRoute("/session-fails", session_fails),
    Mount("/static", StaticFiles(directory=HERE)),
]

app = Starlette(
    routes=[
        *ROUTES,
        Mount("/middle", routes=ROUTES, middleware=[Middleware(BaseHTTPMiddleware, dispatch=middleware)]),
        Mount("/gzip", routes=ROUTES, middleware=[Middleware(GZipMiddleware, minimum_size=100)]),
        Mount("/cors", routes=ROUTES, middleware=[Middleware(CORSMiddleware, allow_origins=["https://a.test"])]),
        Mount("/hosts", routes=ROUTES, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["a.test"])]),
    ],
    lifespan=lifespan,
    exception_handlers={Unlucky: lambda request, error: PlainTextResponse("unlucky", 503)},
)
