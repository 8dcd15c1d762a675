"""What Quart can do with a request, an endpoint for each, in apps that differ in their configuration.

A request names itself in its header `X-Case`. What hooks, signals and endpoints noted for it, in order, is told by
`/notes/<case>`, which leaves a line in the log besides: what a request logged stands above it.
"""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import trio
from quart import (
    Blueprint,
    Quart,
    Response,
    abort,
    after_this_request,
    copy_current_request_context,
    current_app,
    flash,
    g,
    get_flashed_messages,
    got_request_exception,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    request_finished,
    send_file,
    send_from_directory,
    session,
    stream_with_context,
    url_for,
    websocket,
)
from quart.wrappers.response import DataBody, ResponseBody
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug.wrappers import Response as WerkzeugResponse

from trio_worker.asgi import App, Message, Receive, Scope, Send

log = logging.getLogger("trio_worker.test")

HERE = Path(__file__).parent

# Seconds: one time-out that a test waits for, and a time that is surely longer.
SHORT = 0.1
LONG = 60.0

notes: defaultdict[str, list[str]] = defaultdict(list)
variable: ContextVar[str] = ContextVar("variable", default="unset")


class KnownError(Exception):
    """Has an error handler."""


class BlueprintError(Exception):
    """Has one in a blueprint."""


class OwnConnection(TrioASGIHTTPConnection):
    """A connection class of the app's own."""


def case() -> str:
    """What the current request calls itself."""
    return str(g.get("case", ""))


def note(text: str) -> None:
    """Note something for the current request."""
    notes[case()].append(text)


def fail(hook: str) -> None:
    """Raise when the request asks for it in its query."""
    if request.args.get("fail") == hook:
        raise ValueError(f"raised by {hook}")


# The hooks of every app, and of the blueprint.


def add_hooks(target: Quart | Blueprint, name: str) -> None:
    """Hooks that note their turn, and fail when they are asked to."""

    @target.before_request
    async def before() -> str | None:
        g.case = request.headers.get("X-Case") or case()  # What an app asks itself shares its context.
        note(f"{name} before_request")
        fail(f"{name} before_request")
        return "answered early" if request.args.get("answer") == name else None

    @target.after_request
    async def after(response: Response) -> Response:
        note(f"{name} after_request {response.status_code}")
        fail(f"{name} after_request")
        response.headers[f"X-{name}"] = "after"
        return response

    @target.teardown_request
    async def teardown(error: BaseException | None) -> None:
        note(f"{name} teardown_request {type(error).__name__}")
        fail(f"{name} teardown_request")


def add_app_hooks(app: Quart) -> None:
    """What only an app has: its context's end, signals, error handlers."""

    @app.teardown_appcontext
    async def teardown(error: BaseException | None) -> None:
        note(f"teardown_appcontext {type(error).__name__}")

    @app.errorhandler(404)
    async def not_found(error: Any) -> tuple[str, int]:
        return f"no such page: {error.description}", 404

    @app.errorhandler(KnownError)
    async def known(error: KnownError) -> tuple[str, int]:
        note(f"handled {error}")
        return f"known: {error}", 409

    async def raised(app: Quart, exception: BaseException, **_: Any) -> None:
        note(f"got_request_exception {type(exception).__name__}")

    async def finished(app: Quart, response: Response, **_: Any) -> None:
        note(f"request_finished {response.status_code}")

    got_request_exception.connect(raised, app, weak=False)
    request_finished.connect(finished, app, weak=False)


cases = Blueprint("cases", __name__)
nested = Blueprint("nested", __name__, url_prefix="/nested")
add_hooks(nested, "Nested")


@nested.errorhandler(BlueprintError)
async def nested_error(error: BlueprintError) -> tuple[str, int]:
    return f"nested: {error}", 410


@nested.get("/")
async def nested_page() -> str:
    return url_for(".nested_page")


@nested.get("/raise")
async def nested_raise() -> str:
    raise BlueprintError("in the blueprint")


@cases.get("/notes/<name>")
async def tell(name: str) -> list[str]:
    log.info("the notes of %s", name)
    return notes[name]


@cases.get("/task")
async def task() -> dict[str, Any]:
    """Who runs this request: with the stock class it is a task of its own."""
    return {"task": trio.lowlevel.current_task().name, "class": current_app.asgi_http_class.__name__}


@cases.post("/task")
async def task_of_post() -> dict[str, Any]:
    await request.get_data()
    return {"task": trio.lowlevel.current_task().name}


# Plain responses.


@cases.get("/text")
async def text() -> str:
    return "text"


@cases.route("/methods", methods=["GET", "PUT", "DELETE"])
async def methods() -> str:
    return request.method


@cases.get("/json")
async def json() -> Response:
    return jsonify({"name": "größe", "list": [1, None, 0.5]})


@cases.get("/tuple")
async def three() -> tuple[str, int, dict[str, str]]:
    return "made", 201, {"X-Own": "1", "Content-Type": "text/plain"}


@cases.get("/bytes/<int:size>")
async def many(size: int) -> Any:
    return await make_response(b"x" * size)


@cases.get("/empty")
async def empty() -> tuple[str, int]:
    return "", int(request.args.get("status", 200))


@cases.get("/none")
async def nothing() -> Any:
    return None


@cases.get("/sync")
def synchronous() -> str:
    return f"{request.path} {case()}"


@cases.get("/slash/")
async def slash() -> str:
    return "slash"


@cases.get("/redirect")
async def redirected() -> Any:
    return redirect(url_for("cases.text"), int(request.args.get("status", 302)))


@cases.get("/template")
async def template() -> str:
    return await render_template_string("{{ request.path }} {{ g.case }} {{ url_for('cases.text') }}")


@cases.get("/headers")
async def headers() -> Response:
    response = Response("headers", 299, {"X-Some": "größe", "Content-Type": "text/plain; charset=latin-1"})
    response.headers.add("X-Twice", "1")
    response.headers.add("X-Twice", "2")
    response.set_cookie("one", "1", max_age=5, httponly=True)
    response.delete_cookie("two")
    return response


@cases.get("/odd/<kind>")
async def odd(kind: str) -> Any:
    """Responses that are not quite what Quart makes by itself."""
    response = Response("odd")
    if kind == "werkzeug":
        return WerkzeugResponse(["w", "sgi"], 203)
    if kind == "text":
        response.response = DataBody("odd")  # type: ignore[arg-type]
    elif kind == "bytearray":
        response.response = DataBody(bytearray(b"odd"))  # type: ignore[arg-type]
    elif kind == "body":
        response.response = NotedBody(case())
    elif kind == "unannounced":
        del response.headers["Content-Length"]
    else:
        response.headers["Content-Length"] = kind
    return response


class NotedBody(ResponseBody):
    """A body that notes how it was used."""

    def __init__(self, case: str) -> None:
        self._notes = notes[case]

    async def __aenter__(self) -> AsyncIterator[bytes]:
        self._notes.append("body entered")
        return self._pieces()

    async def __aexit__(self, kind: type | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._notes.append(f"body left {type(error).__name__}")

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"od"
        yield b"d"


# What goes wrong.


@cases.get("/abort/<int:status>")
async def aborted(status: int) -> str:
    abort(status, "as asked")


@cases.get("/abort/response")
async def aborted_with_response() -> str:
    abort(Response("its own", 418))


@cases.get("/raise/<kind>")
async def raised(kind: str) -> str:
    errors = [ValueError("one of a group"), KnownError("two of a group")]
    if kind == "known":
        raise KnownError("alone")
    if kind == "group":
        raise ExceptionGroup("several", errors[:1])
    if kind == "known group":
        raise ExceptionGroup("several", errors)
    if kind == "exit":
        raise SystemExit(1)
    if kind == "cancelled":
        with trio.CancelScope() as scope:
            scope.cancel()
            await trio.sleep(LONG)
    if kind == "nursery":
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, LONG)
            nursery.start_soon(_raise, KnownError("in a nursery"))
    raise ValueError("raised in the handler")


async def _raise(error: Exception) -> None:
    raise error


# Contexts.


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


# Request bodies.


@cases.route("/body/data", methods=["GET", "POST"])
async def body_data() -> Any:
    return Response(await request.get_data(), mimetype="application/octet-stream")


@cases.post("/body/twice")
async def body_twice() -> list[Any]:
    return [await request.get_data(as_text=True), await request.get_data(cache=False, as_text=True)]


@cases.post("/body/text")
async def body_text() -> str:
    return f"{await request.get_data(as_text=True)!r}"


@cases.post("/body/json")
async def body_json() -> dict[str, Any]:
    return {"json": await request.get_json(silent=request.args.get("silent") == "1")}


@cases.post("/body/form")
async def body_form() -> dict[str, Any]:
    values = await request.values
    return {"form": (await request.form).to_dict(flat=False), "values": values.to_dict(flat=False)}


@cases.post("/body/files")
async def body_files() -> dict[str, Any]:
    files = await request.files
    return {
        "form": (await request.form).to_dict(flat=False),
        "files": {name: [file.filename, file.content_type, file.read().hex()] for name, file in files.items()},
    }


@cases.post("/body/iterate")
async def body_iterate() -> dict[str, Any]:
    pieces = [piece async for piece in request.body]
    return {"body": b"".join(pieces).decode()}


@cases.post("/body/await")
async def body_await() -> dict[str, Any]:
    return {"body": len(await request.body), "length": request.content_length}


@cases.post("/body/unread")
async def body_unread() -> str:
    return "unread"


# Streams.


@cases.get("/stream/<int:count>")
async def stream(count: int) -> Response:
    return Response(_chunks(case(), count), headers={"X-Stream": "1"})


async def _chunks(name: str, count: int) -> AsyncIterator[str | bytes]:
    try:
        for number in range(count):
            yield f"chunk {number}\n" if number % 2 else b"chunk\n"
            await trio.lowlevel.checkpoint()
    finally:
        notes[name].append("generator closed")


@cases.get("/stream/sync")
async def stream_sync() -> Any:
    def chunks() -> Iterator[str]:
        yield "from "
        yield "a thread"

    return await make_response(chunks())


@cases.get("/stream/list")
async def stream_list() -> Any:
    return current_app.response_class(["a ", b"list"])


@cases.get("/stream/length")
async def stream_with_length() -> Response:
    return Response(_chunks(case(), 1), headers={"Content-Length": "6"})


@cases.get("/stream/context")
async def stream_in_context() -> Response:
    @stream_with_context
    async def chunks() -> AsyncIterator[str]:
        yield request.path
        yield case()

    return Response(chunks())


@cases.get("/stream/raise/<int:after>")
async def stream_raise(after: int) -> Response:
    async def chunks(name: str) -> AsyncIterator[bytes]:
        try:
            for _ in range(after):
                yield b"before"
            raise ValueError("raised in a stream")
        finally:
            notes[name].append("generator closed")

    return Response(chunks(case()))


@cases.get("/stream/exit")
async def stream_exit() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        raise SystemExit(1)
        yield b""

    return Response(chunks())


@cases.get("/stream/stall/<timeout>")
async def stream_stall(timeout: str) -> Response:
    """A stream that stops after its first piece; ended by the response's own time-out, or by RESPONSE_TIMEOUT."""
    response = Response(_stalling(case()))
    if timeout != "default":
        response.timeout = float(timeout)
    return response


async def _stalling(name: str) -> AsyncIterator[bytes]:
    try:
        yield b"before"
        await trio.sleep(LONG)
    except trio.Cancelled:
        notes[name].append("generator cancelled")
        raise
    finally:
        notes[name].append("generator closed")


@cases.get("/stream/patient")
async def stream_patient() -> Response:
    """A stream that outlasts RESPONSE_TIMEOUT, which it has set aside."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"before "
        await trio.sleep(SHORT * 2)
        yield b"after"

    response = Response(chunks())
    response.timeout = None
    return response


@cases.get("/stream/flood")
async def stream_flood() -> Response:
    """A stream without an end that never waits for anything but its client."""

    async def chunks(name: str) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            notes[name].append("generator closed")

    return Response(chunks(case()))


@cases.get("/timeout/<timeout>")
async def data_with_timeout(timeout: str) -> Response:
    response = Response("data")
    response.timeout = None if timeout == "none" else float(timeout)
    return response


# Files and conditions.


@cases.get("/file")
async def file() -> Any:
    return await send_file(__file__, conditional=True)


@cases.get("/file/attached")
async def attached() -> Any:
    return await send_file(__file__, as_attachment=True, attachment_filename="größe.txt", cache_timeout=5)


@cases.get("/file/memory")
async def in_memory() -> Any:
    return await send_file(BytesIO(b"in memory" * 2000), mimetype="text/plain", conditional=True)


@cases.get("/directory/<path:name>")
async def directory(name: str) -> Any:
    return await send_from_directory(HERE, name, mimetype="text/plain")


@cases.get("/conditional")
async def conditional() -> Any:
    response = await make_response("0123456789" * 10)
    assert isinstance(response, Response)
    response.accept_ranges = "bytes"
    await response.add_etag()
    return await response.make_conditional(request, accept_ranges=True, complete_length=100)


# What a client does not wait for.


@cases.route("/hold/<how>", methods=["GET", "POST"])
async def hold(how: str) -> str:
    """Runs until it is cancelled, or a little longer."""
    note("holding")
    try:
        await _hold(how)
    except trio.Cancelled:
        note("cancelled")
        if how == "swallow":
            return "not the right thing to do"
        raise
    finally:
        note("left")
    return "held"


async def _hold(how: str) -> None:
    if how == "shield":
        with trio.CancelScope(shield=True):
            await trio.sleep(SHORT)
            note("shielded work is done")
    elif how == "nursery":
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, LONG)
            nursery.start_soon(trio.sleep, LONG)
    elif how == "body":
        await request.get_data()
    else:
        await trio.sleep(LONG)


@cases.websocket("/ws")
async def echo() -> None:
    while True:
        await websocket.send(f"{current_app.name} {await websocket.receive()!r}")


# The apps.


def make_app(name: str, *, config: dict[str, Any] | None = None, **arguments: Any) -> QuartTrio:
    """An app with all of the above."""
    usual: dict[str, Any] = {"root_path": HERE, "static_folder": HERE, "static_url_path": "/static"}
    app = QuartTrio(name, **(usual | arguments))
    app.secret_key = "a test's"
    app.config.update(config or {})
    add_hooks(app, "App")
    add_app_hooks(app)
    app.register_blueprint(cases)
    app.register_blueprint(nested)
    return app


class Splitting:
    """Middleware that gives the body in single bytes and leaves out keys that have a default."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces: list[bytes] = []
        more = False

        async def receive_byte() -> Message:
            nonlocal more
            if not pieces:
                message = await receive()
                if not message.get("body"):
                    return message
                pieces.extend(bytes([byte]) for byte in message["body"])
                more = message.get("more_body", False)
            piece = {"type": "http.request", "body": pieces.pop(0)}
            return piece | {"more_body": True} if pieces or more else piece

        await self._app(scope, receive_byte, send)


app = make_app("main")
mounted = make_app("mounted", config={"MAX_CONTENT_LENGTH": 100})
hurried = make_app("hurried", config={"RESPONSE_TIMEOUT": SHORT, "BODY_TIMEOUT": SHORT})
strict = make_app("strict", config={"PROPAGATE_EXCEPTIONS": True})
own = make_app("own")
own.asgi_http_class = OwnConnection
split: Any = make_app("split")
split.asgi_app = Splitting(split.asgi_app)
by_host = make_app("by_host", host_matching=True, static_folder=None)
by_name = make_app("by_name", config={"SERVER_NAME": "name.test"}, subdomain_matching=True)


@by_host.get("/host", host="<name>.test")
async def host(name: str) -> str:
    return f"host {name}"


@by_name.get("/domain", subdomain="<name>")
async def domain(name: str) -> str:
    return f"subdomain {name}"


@by_name.get("/domain")
async def no_domain() -> str:
    return "no subdomain"
