"""Raises what its query names, at the point of the conversation that its path names."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import trio

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


# Set by the session that waits, for the request that does.
GO_ON = trio.Event()


class Own(BaseException):
    """One of the app's own that is no Exception."""


class Unspeakable(Exception):
    """Fails even to say why."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


def _run_in_a_run() -> BaseException:
    """Return what Trio raises for a run within its run."""
    try:
        trio.run(trio.sleep, 0)
    except RuntimeError as error:
        return error
    raise AssertionError("Trio has run within its run")


def _deep() -> BaseException:
    """Return a group in a group, and so on."""
    error: Exception = ValueError("the innermost")
    for _ in range(5000):
        error = ExceptionGroup("one more", [error])
    return error


FAULTS: dict[str, Callable[[], BaseException]] = {
    "cancelled": asyncio.CancelledError,
    "generator": GeneratorExit,
    "keyboard": KeyboardInterrupt,
    "own": lambda: Own("own"),
    "group": lambda: BaseExceptionGroup("several", [Own("own"), ValueError("a value")]),
    "deep": _deep,
    "unspeakable": Unspeakable,
    "unprintable": lambda: SyntaxError("of a text that is none", ("file", 1, 1, 5)),  # type: ignore[arg-type]
    "stop": StopIteration,
    "stop-async": StopAsyncIteration,
    "exit": lambda: SystemExit(3),
    "recursion": RecursionError,
    "memory": MemoryError,
    "trio": _run_in_a_run,
    "groups": lambda: BaseExceptionGroup("outer", [ExceptionGroup("inner", [Unspeakable()]), GeneratorExit()]),
}


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    if scope["type"] == "websocket":
        await _session(scope, receive, send)
    else:
        await _request(scope, send)


async def lifespan_fails(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Cancelled by its asyncio library while it starts."""
    await receive()
    raise asyncio.CancelledError


def _fail(scope: dict[str, Any], point: str) -> None:
    if scope["path"] == f"/{point}":
        raise FAULTS[scope["query_string"].decode()]()


async def _request(scope: dict[str, Any], send: Send) -> None:
    _fail(scope, "first")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    _fail(scope, "head")
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    _fail(scope, "half")
    if scope["path"] == "/waits":
        await GO_ON.wait()
    await send({"type": "http.response.body", "body": b"half"})
    _fail(scope, "whole")


async def _session(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    _fail(scope, "first")
    if scope["path"] == "/denied":
        await send({"type": "websocket.http.response.start", "status": 403})
        _fail(scope, "denied")
    await send({"type": "websocket.accept"})
    _fail(scope, "accepted")
    if scope["path"] == "/waits":
        await receive()
        GO_ON.set()
        await send({"type": "websocket.send", "text": "went on"})
    await send({"type": "websocket.close"})
    _fail(scope, "closed")
