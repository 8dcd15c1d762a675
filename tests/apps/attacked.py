"""A bare ASGI app for hostile clients: it says little in the log, and stops when its client has gone."""

import gc
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import trio

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# Bytes that the endless ones send at a time.
PIECE = 4096


class Turns(trio.abc.Instrument):
    """The CPU time of the turns of Trio's loop, in which nobody else is served: no other process changes it.

    Attributes:
        longest: seconds of the longest one since it was asked for last, without what Python's collector of garbage
            took in it: the more objects there are, the longer that is.
    """

    def __init__(self) -> None:
        self.longest = self._began = self._collects = 0.0

    def collect(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collects = time.thread_time()
        else:
            self._began += time.thread_time() - self._collects

    def after_io_wait(self, timeout: float) -> None:
        self._began = time.thread_time()

    def before_io_wait(self, timeout: float) -> None:
        self.longest = max(self.longest, time.thread_time() - self._began)


turns = Turns()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await SESSIONS[scope["path"]](receive, send)
    else:
        size = int(parse_qs(scope["query_string"].decode()).get("size", ["0"])[0])
        await ROUTES[scope["path"]](receive, send, size)


async def _lifespan(receive: Receive, send: Send) -> None:
    trio.lowlevel.add_instrument(turns)
    gc.callbacks.append(turns.collect)
    for each in "startup", "shutdown":
        await receive()
        if each == "shutdown":
            print(f"longest turn: {turns.longest:.4f}", flush=True)
        await send({"type": f"lifespan.{each}.complete"})


async def _answer(send: Send, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _hello(receive: Receive, send: Send, size: int) -> None:
    await _answer(send, b"hello")


async def _longest_turn(receive: Receive, send: Send, size: int) -> None:
    """Tells the longest turn of the loop, and begins anew."""
    longest, turns.longest = turns.longest, 0.0
    await _answer(send, json.dumps(longest).encode())


async def _big(receive: Receive, send: Send, size: int) -> None:
    await _answer(send, b"x" * size)


async def _waits(receive: Receive, send: Send, size: int) -> None:
    """Reads nothing."""
    await trio.sleep(60)


async def _takes(receive: Receive, send: Send, size: int) -> None:
    """Reads all and keeps nothing."""
    while (await receive()).get("more_body"):
        pass
    await _answer(send, b"taken")


async def _endless(receive: Receive, send: Send, size: int) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})


async def _ws_echo(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"], "bytes": message["bytes"]})


async def _ws_takes(receive: Receive, send: Send) -> None:
    while (await receive())["type"] == "websocket.receive":
        pass


async def _ws_waits(receive: Receive, send: Send) -> None:
    await trio.sleep(60)


async def _ws_endless(receive: Receive, send: Send) -> None:
    while True:
        await send({"type": "websocket.send", "bytes": bytes(PIECE)})


ROUTES = {
    "/": _hello,
    "/turn": _longest_turn,
    "/big": _big,
    "/waits": _waits,
    "/takes": _takes,
    "/endless": _endless,
}
SESSIONS = {"/echo": _ws_echo, "/takes": _ws_takes, "/waits": _ws_waits, "/endless": _ws_endless}
