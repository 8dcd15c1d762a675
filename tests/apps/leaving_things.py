"""A bare ASGI app that swallows its cancellation, or leaves tasks, threads, scopes and generators behind."""

import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import trio
from http1_extensions import body, start
from probe import ROUTES, SESSIONS, Receive, Scope, Send, app, tell

# What is left must be referred to, or it is collected.
LEFT: list[Any] = []


async def _answer(send: Send) -> None:
    await start(send, headers=[(b"content-length", b"4")])
    await body(send, b"left")


async def _swallow() -> None:
    """Go on whatever comes."""
    told = False
    while True:
        try:
            await trio.sleep_forever()
        except BaseException:
            if not told:
                tell("swallowed")
            told = True


async def _swallows(scope: Scope, receive: Receive, send: Send) -> None:
    await _swallow()


async def _swallows_amid(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, headers=[(b"content-length", b"8")])
    await body(send, b"half", more=True)
    await _swallow()


async def _swallows_once(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes its cancellation for something to recover from, and answers."""
    with suppress(BaseException):
        await trio.sleep_forever()
    await _answer(send)


async def _shields(scope: Scope, receive: Receive, send: Send) -> None:
    tell("shielded")
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def _opens_a_nursery(scope: Scope, receive: Receive, send: Send) -> None:
    """Enters a nursery and never leaves it; a task is in it."""
    manager = trio.open_nursery()
    LEFT.append(manager)
    nursery = await manager.__aenter__()
    nursery.start_soon(trio.sleep_forever)
    await _answer(send)


async def _opens_a_scope(scope: Scope, receive: Receive, send: Send) -> None:
    LEFT.append(trio.CancelScope().__enter__())
    await _answer(send)


async def _abandons_a_generator(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes one piece of a generator that has a nursery open."""

    async def pieces() -> AsyncIterator[bytes]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            yield b"left"
            await trio.sleep_forever()

    iterator = pieces()
    LEFT.append(iterator)
    await start(send, headers=[(b"content-length", b"4")])
    await body(send, await anext(iterator))


async def _leaves_threads(scope: Scope, receive: Receive, send: Send) -> None:
    """Starts a thread that never ends, and one of Trio's that does not either."""
    threading.Thread(target=time.sleep, args=[600]).start()

    async def in_trio() -> None:
        await trio.to_thread.run_sync(time.sleep, 600, abandon_on_cancel=False)

    trio.lowlevel.spawn_system_task(in_trio)
    await _answer(send)


async def _waits_for_a_thread(scope: Scope, receive: Receive, send: Send) -> None:
    tell("in a thread")
    await trio.to_thread.run_sync(time.sleep, 600)


async def _leaves_system_tasks(scope: Scope, receive: Receive, send: Send) -> None:
    trio.lowlevel.spawn_system_task(_swallow)
    await _answer(send)


async def _system_task_fails(scope: Scope, receive: Receive, send: Send) -> None:
    async def fail() -> None:
        raise ValueError("in a system-task")

    trio.lowlevel.spawn_system_task(fail)
    await _answer(send)


async def _call_fails(scope: Scope, receive: Receive, send: Send) -> None:
    def fail() -> None:
        raise ValueError("in a call")

    trio.lowlevel.current_trio_token().run_sync_soon(fail)
    await _answer(send)


async def _session_swallows(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await _swallow()


async def _session_opens_a_nursery(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    manager = trio.open_nursery()
    LEFT.append(manager)
    (await manager.__aenter__()).start_soon(trio.sleep_forever)


ROUTES["/swallows"] = _swallows
ROUTES["/swallows-amid"] = _swallows_amid
ROUTES["/swallows-once"] = _swallows_once
ROUTES["/shields"] = _shields
ROUTES["/opens-a-nursery"] = _opens_a_nursery
ROUTES["/opens-a-scope"] = _opens_a_scope
ROUTES["/abandons-a-generator"] = _abandons_a_generator
ROUTES["/leaves-threads"] = _leaves_threads
ROUTES["/waits-for-a-thread"] = _waits_for_a_thread
ROUTES["/leaves-system-tasks"] = _leaves_system_tasks
ROUTES["/system-task-fails"] = _system_task_fails
ROUTES["/call-fails"] = _call_fails
SESSIONS["/session-swallows"] = _session_swallows
SESSIONS["/session-opens-a-nursery"] = _session_opens_a_nursery

__all__ = ["app"]
