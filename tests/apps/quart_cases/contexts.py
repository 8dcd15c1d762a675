"""The contexts of a request: what it knows of itself and of its app, wherever it goes on, and what it leaves behind."""

from contextvars import ContextVar
from typing import Any

import httpx
import trio
from quart import (
    after_this_request,
    copy_current_request_context,
    current_app,
    flash,
    g,
    get_flashed_messages,
    request,
    session,
)

from quart_cases.noting import case, cases, note, notes

variable: ContextVar[str] = ContextVar("variable", default="unset")


@cases.get("/task")
async def task() -> dict[str, Any]:
    """Who runs this request: with the stock class it is a task of its own."""
    return {"task": trio.lowlevel.current_task().name, "class": current_app.asgi_http_class.__name__}


@cases.post("/task")
async def task_of_post() -> dict[str, Any]:
    await request.get_data()
    return {"task": trio.lowlevel.current_task().name}


@cases.get("/context")
async def context() -> dict[str, Any]:
    g.value = "kept"
    return {
        "app": current_app.name,
        "case": g.case,
        "request": [request.path, request.root_path, request.url, request.host, request.query_string.decode()],
        "rule": [str(request.url_rule), request.endpoint, request.blueprint],
        "args": request.args.to_dict(flat=False),
        "client": [request.headers["Remote-Addr"], request.scheme, request.http_version],
        "headers": sorted(name for name, _ in request.headers),
        "authorization": request.authorization and request.authorization.username,
        "cookies": dict(request.cookies),
        "scope": sorted(request.scope),
    }


@cases.get("/clean")
async def clean() -> str:
    """Whether anything of the request before this one is left."""
    return str(g.get("value"))


@cases.get("/variable")
async def leave_variable() -> str:
    """A context variable belongs to this request alone."""
    before = variable.get()
    variable.set("left by another request")
    return before


@cases.get("/session")
async def count() -> str:
    session["count"] = session.get("count", 0) + 1
    await flash(f"flash {session['count']}")
    return f"{session['count']} {get_flashed_messages()}"


@cases.get("/after-this")
async def after_this() -> str:
    @after_this_request
    async def add(response: Any) -> Any:
        note("after_this_request")
        response.headers["X-This"] = "after"
        return response

    return "after this"


@cases.get("/nursery")
async def in_nursery() -> str:
    found: list[str] = []

    @copy_current_request_context
    async def look() -> None:
        await trio.lowlevel.checkpoint()
        found.append(f"{request.path} {case()}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
    return " ".join(found)


@cases.get("/thread")
async def in_thread() -> str:
    return await trio.to_thread.run_sync(lambda: request.path + case())


@cases.get("/background")
async def background() -> str:
    name = case()

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        notes[name].append(f"background {current_app.name}")

    current_app.add_background_task(work)
    return "started"


@cases.get("/nursery/app")
async def in_apps_nursery() -> str:
    app: Any = current_app
    app.nursery.start_soon(_note_later, case())
    return "started"


async def _note_later(name: str) -> None:
    await trio.sleep(0.01)
    notes[name].append("app's nursery")


@cases.get("/self/<how>")
async def ask_itself(how: str) -> str:
    """The app as its own client, without the server."""
    if how == "transport":
        app: Any = current_app
        transport = httpx.ASGITransport(app._get_current_object())
        async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
            return (await client.post("http://inner/body/data", content=b"asked itself")).text
    response = await current_app.test_client().post("/body/data", data=b"asked itself")
    return str(await response.get_data(as_text=True))


@cases.get("/push")
async def push() -> str:
    await request.send_push_promise("/text")
    return "pushed"
