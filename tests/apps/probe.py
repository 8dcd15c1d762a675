"""A bare ASGI app whose routes do what a test needs; no framework stands between it and the worker."""

import gc
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import trio

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

# Seconds that lifespan shutdown takes.
SHUTDOWN_SECONDS = float(os.environ.get("PROBE_SHUTDOWN_SECONDS", "0"))

# What `/about` tells of its scope.
ABOUT = ("client", "server", "scheme", "http_version", "root_path", "path", "method")

# The process that imported this module: the master, unless lazy-apps.
IMPORTED_BY = os.getpid()


def tell(text: str) -> None:
    """A line in uWSGI's log."""
    print(f"probe {os.getpid()}: {text}", file=sys.stderr, flush=True)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    path = scope["path"].removeprefix(scope["root_path"])
    if scope["type"] == "websocket":
        await SESSIONS.get(path, _ws_echo)(scope, receive, send)
    else:
        await ROUTES.get(path, _hello)(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    tell("startup")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await trio.sleep(SHUTDOWN_SECONDS)
    tell("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


def query(scope: Scope, name: str, default: float) -> float:
    """A number of the query string."""
    return float(parse_qs(scope["query_string"].decode()).get(name, [default])[0])


async def _answer(send: Send, body: bytes, status: int = 200, kind: bytes = b"text/plain") -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, b"hello")


async def _pid(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, b"%d" % os.getpid())


async def _about(scope: Scope, receive: Receive, send: Send) -> None:
    """What the worker told us of the request and of itself."""
    told = {key: scope[key] for key in ABOUT}
    told |= {"pid": os.getpid(), "imported_by": IMPORTED_BY, "frozen": gc.get_freeze_count()}
    told |= {"state": sorted(scope["state"]), "cwd": os.getcwd(), "sys_path": sys.path}
    await _answer(send, json.dumps(told).encode(), kind=b"application/json")


async def _headers(scope: Scope, receive: Receive, send: Send) -> None:
    """The headers of the request, and its id."""
    headers = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    told = {"headers": headers, "state": scope["state"].get("request_id")}
    await _answer(send, json.dumps(told).encode(), kind=b"application/json")


async def _logs(scope: Scope, receive: Receive, send: Send) -> None:
    """Writes to Python's `logging`; `size` makes a record long, of lines and of one line."""
    size = int(query(scope, "size", 0))
    long = "ü\n" * (size // 3) + '"' * size
    logging.getLogger("probe").warning("%s", long or 'two\nlines of "GET"')
    await _answer(send, b"logged")


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, await _body(receive))


async def _status(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, b"as asked", status=int(query(scope, "code", 200)))


async def _sleep(scope: Scope, receive: Receive, send: Send) -> None:
    tell("sleeping")
    try:
        await trio.sleep(query(scope, "seconds", 1))
    except trio.Cancelled:
        tell("sleep cancelled")
        raise
    await _answer(send, b"slept")


async def _block(scope: Scope, receive: Receive, send: Send) -> None:
    """Keeps the whole worker from doing anything."""
    time.sleep(query(scope, "seconds", 1))  # noqa: ASYNC251
    await _answer(send, b"blocked")


async def _stubborn(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes its time to clean up after a cancellation, as far as a deadline lets it."""
    tell("stubborn")
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(query(scope, "cleanup", 1))
            tell("cleaned up")


async def _big(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, b"x" * int(query(scope, "size", 1 << 20)))


async def _stream(scope: Scope, receive: Receive, send: Send) -> None:
    """`count` chunks of `size` bytes, `pause` seconds apart; endless without a count."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    left, chunk = query(scope, "count", float("inf")), b"x" * int(query(scope, "size", 1024))
    while left > 0:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await trio.sleep(query(scope, "pause", 0))
        left -= 1
    await send({"type": "http.response.body"})


async def _events(scope: Scope, receive: Receive, send: Send) -> None:
    """Server-sent events that end when the worker drains."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    draining: trio.Event = scope["state"]["draining"]
    while not draining.is_set():
        await send({"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True})
        with trio.move_on_after(0.1):
            await draining.wait()
    await send({"type": "http.response.body", "body": b"event: restart\ndata:\n\n"})


async def _raise(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("raised on request")


async def _raise_group(scope: Scope, receive: Receive, send: Send) -> None:
    async def fail(text: str) -> None:
        raise ValueError(text)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, "the first of a group")
        nursery.start_soon(fail, "the second of a group")


async def _raise_late(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("raised in the middle of a response")


async def _raise_exit(scope: Scope, receive: Receive, send: Send) -> None:
    raise SystemExit("not the end of a worker")


async def _silent(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def _spoil(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers, and leaves the scope useless to whoever reads it afterwards."""
    scope["headers"] = scope["query_string"] = None
    await _answer(send, b"spoilt")


async def _thread(scope: Scope, receive: Receive, send: Send) -> None:
    """Leaves a thread behind that Python waits for at exit."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    await _answer(send, b"started")


async def _exit(scope: Scope, receive: Receive, send: Send) -> None:
    os._exit(int(query(scope, "code", 1)))


async def _reload(scope: Scope, receive: Receive, send: Send) -> None:
    import uwsgi

    uwsgi.reload()
    await _answer(send, b"reloading")


async def _ws_echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "raise":
            raise ValueError("raised in a session")
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
    tell(f"session ended with {message['code']}")


async def _ws_refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})


async def _ws_raise(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("raised before the handshake")


SESSIONS: dict[str, Handler] = {"/ws/refuse": _ws_refuse, "/ws/raise": _ws_raise}

ROUTES: dict[str, Handler] = {
    "/headers": _headers,
    "/logs": _logs,
    "/pid": _pid,
    "/about": _about,
    "/echo": _echo,
    "/status": _status,
    "/sleep": _sleep,
    "/block": _block,
    "/stubborn": _stubborn,
    "/big": _big,
    "/stream": _stream,
    "/events": _events,
    "/raise": _raise,
    "/thread": _thread,
    "/raise/group": _raise_group,
    "/raise/late": _raise_late,
    "/raise/exit": _raise_exit,
    "/silent": _silent,
    "/spoil": _spoil,
    "/exit": _exit,
    "/reload": _reload,
}
