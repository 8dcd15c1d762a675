"""A bare ASGI app that goes on after its answer, or after its client has gone."""

from urllib.parse import parse_qs

import trio
from http1_extensions import body, start
from probe import ROUTES, Receive, Scope, Send, app, tell


async def _goes_on(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once and works for some seconds more, as background tasks of frameworks do."""
    seconds = float(parse_qs(scope["query_string"].decode())["seconds"][0])
    await start(send, headers=[(b"content-length", b"6")])
    await body(send, b"answer")
    tell("answered")
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        tell("background cancelled")
        raise
    tell("background done")


async def _streams_and_goes_on(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, b"piece", more=True)
    await body(send)
    await trio.sleep(60)


async def _receives_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes no notice of what it is told."""
    if scope["query_string"]:
        await start(send, headers=[(b"content-length", b"2")])
        await body(send, b"ok")
    tell("receives")
    while True:
        await receive()


async def _sends_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes no notice of what `send` raises, nor that its answer is complete."""
    await start(send, headers=[(b"content-length", b"2")] if scope["query_string"] else [])
    tell("sends")
    while True:
        try:
            await body(send, b"ok", more=not scope["query_string"])
        except OSError as error:
            if not scope["state"].get("told"):
                tell(f"send raised {type(error).__name__}")
                scope["state"]["told"] = True


async def _slow(scope: Scope, receive: Receive, send: Send) -> None:
    await trio.sleep(0.3)
    await start(send)
    await body(send, b"slow")


async def _answers_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Waits before it answers, in one of several ways, and goes on after that."""
    await trio.sleep(0.05)
    way = scope["path"].rpartition("/")[2]
    await start(send, 204 if way == "late-empty" else 200, trailers=way == "late-trailers")
    if way == "late-file":
        await send({"type": "http.response.pathsend", "path": __file__})
    else:
        await body(send, b"" if way == "late-empty" else b"hello", more=way == "late-pieces")
    await trio.sleep(0.02)
    if way == "late-pieces":
        await body(send, b"more")
    if way == "late-trailers":
        await send({"type": "http.response.trailers", "headers": [(b"a", b"b")]})
    await trio.sleep(0.1)
    tell(f"{way} went on")


async def _cookies(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, b"|".join(value for name, value in scope["headers"] if name == b"cookie"))


for _way in ("late", "late-pieces", "late-empty", "late-trailers", "late-file"):
    ROUTES[f"/goes-on/{_way}"] = _answers_late
ROUTES["/cookies"] = _cookies
ROUTES["/goes-on"] = _goes_on
ROUTES["/streams-and-goes-on"] = _streams_and_goes_on
ROUTES["/receives-for-ever"] = _receives_for_ever
ROUTES["/sends-for-ever"] = _sends_for_ever
ROUTES["/slow"] = _slow

__all__ = ["app"]
