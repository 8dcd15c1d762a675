"""Apps that leave a nursery or a cancel scope open in the task that runs them."""

import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import trio
from http1_extensions import body, start
from probe import ROUTES, SESSIONS, Receive, Scope, Send, app

# What is left must be referred to, or it is collected.
LEFT: list[Any] = []


async def _answer(send: Send) -> None:
    await start(send, headers=[(b"content-length", b"4")])
    await body(send, b"left")


async def _nursery() -> None:
    manager = trio.open_nursery()
    LEFT.append(manager)
    (await manager.__aenter__()).start_soon(trio.sleep_forever)


def _scope(seconds: float = math.inf) -> trio.CancelScope:
    scope = trio.CancelScope(relative_deadline=seconds)
    LEFT.append(scope)
    return scope.__enter__()


async def _pieces_in_a_scope() -> AsyncIterator[bytes]:
    with trio.move_on_after(0.2):
        yield b"left"
        await trio.sleep_forever()


async def _pieces_in_a_nursery() -> AsyncIterator[bytes]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        yield b"left"
        await trio.sleep_forever()


async def leaves_nursery(scope: Scope, receive: Receive, send: Send) -> None:
    await _nursery()
    await _answer(send)


async def leaves_nursery_later(scope: Scope, receive: Receive, send: Send) -> None:
    await trio.sleep(0.01)
    await _nursery()
    await trio.sleep(0.01)
    await _answer(send)


async def leaves_tasks(scope: Scope, receive: Receive, send: Send) -> None:
    manager = trio.open_nursery()
    LEFT.append(manager)
    nursery = await manager.__aenter__()
    for _ in range(5):
        nursery.start_soon(_waits)
    await trio.sleep(0.01)
    await _answer(send)


async def _waits() -> None:
    await trio.sleep_forever()  # The log names this line.


async def leaves_scope(scope: Scope, receive: Receive, send: Send) -> None:
    _scope()
    await _answer(send)


async def leaves_deadline(scope: Scope, receive: Receive, send: Send) -> None:
    _scope(0.2)
    await _answer(send)


async def leaves_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send)
    _scope().cancel()


def _abandons(
    pieces: Callable[[], AsyncIterator[bytes]], kept: bool
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return an app that goes no further with a generator than its first piece."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        generator = pieces()
        if kept:
            LEFT.append(generator)
        await anext(generator)
        del generator
        await _answer(send)

    return app


async def raises_in_nursery(scope: Scope, receive: Receive, send: Send) -> None:
    await _nursery()
    raise ValueError("with a nursery open")


async def raises_in_scope(scope: Scope, receive: Receive, send: Send) -> None:
    _scope(0.2)
    raise ValueError("with a scope open")


async def cancels_itself(scope: Scope, receive: Receive, send: Send) -> None:
    _scope().cancel()
    await trio.sleep_forever()


async def _keep_cancellation() -> trio.Cancelled:
    """As a cache has it, whose first reader has gone."""
    kept = None
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as error:
            kept = error
            raise
    assert kept is not None
    return kept


async def raises_kept_cancellation(scope: Scope, receive: Receive, send: Send) -> None:
    raise await _keep_cancellation()


async def raises_kept_cancellation_among_others(scope: Scope, receive: Receive, send: Send) -> None:
    raise BaseExceptionGroup("kept", [await _keep_cancellation(), ValueError("beside it")])


async def _close(scope: trio.CancelScope) -> None:
    scope.__exit__(None, None, None)


async def _close_below() -> None:
    """As a client library has it that keeps the scope of a call, and closes it in the task of its reader."""
    scope = _scope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_close, scope)


async def closes_scope_below(scope: Scope, receive: Receive, send: Send) -> None:
    await _close_below()


async def closes_scope_below_amid(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, headers=[(b"content-length", b"4")])
    await body(send, b"le", more=True)
    await _close_below()


async def closes_scope_below_and_answers(scope: Scope, receive: Receive, send: Send) -> None:
    with contextlib.suppress(BaseException):
        await _close_below()
    await _answer(send)


async def waits_in_nursery(scope: Scope, receive: Receive, send: Send) -> None:
    """Is cancelled with its client."""
    await _nursery()
    print("waits in its nursery", flush=True)
    await trio.sleep_forever()


async def _session(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/session-cancellation":
        raise await _keep_cancellation()
    await {"nursery": _nursery, "scope": _enter, "scope-below": _close_below}[scope["path"].removeprefix("/session-")]()


async def _enter() -> None:
    _scope(0.2)


async def cancels_those_beside_it(scope: Scope, receive: Receive, send: Send) -> None:
    nursery = trio.lowlevel.current_task().parent_nursery
    assert nursery is not None
    nursery.cancel_scope.cancel()
    await _answer(send)


async def fails_beside_it(scope: Scope, receive: Receive, send: Send) -> None:
    """Its task fails in the nursery of all connections."""
    nursery = trio.lowlevel.current_task().parent_nursery
    assert nursery is not None
    nursery.start_soon(_fail)
    await _answer(send)


async def _fail() -> None:
    await trio.sleep(0.1)
    raise ValueError("beside the connections")


async def closes_others_scope(scope: Scope, receive: Receive, send: Send) -> None:
    """Another request's, which runs: what `opens_scope_and_waits` has opened."""
    LEFT[-1].__exit__(None, None, None)


async def cancels_others_scope(scope: Scope, receive: Receive, send: Send) -> None:
    LEFT[-1].cancel()
    await _answer(send)


async def opens_scope_and_waits(scope: Scope, receive: Receive, send: Send) -> None:
    own = _scope()
    print("waits in its scope", flush=True)
    await trio.sleep(1)
    own.__exit__(None, None, None)
    await _answer(send)


async def goes_on_with_a_generator(scope: Scope, receive: Receive, send: Send) -> None:
    """Take the next piece of a generator with a nursery that another request has begun."""
    if not _shared:
        _shared.append(_two_pieces_in_a_nursery())
    try:
        await anext(_shared[0])
    except BaseException:
        _shared.clear()
        raise
    await _answer(send)


async def _two_pieces_in_a_nursery() -> AsyncIterator[bytes]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        yield b"left"
        yield b"left"


_shared: list[Any] = []


def _after_startup(step: Callable[[], Awaitable[None]]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the app with a lifespan that does this, and ends, soon after it has been started up."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await trio.sleep(0.5)
        await step()

    return failing


lifespan_adrift = _after_startup(_close_below)
lifespan_in_a_nursery = _after_startup(_nursery)

LEAVING = [
    leaves_nursery,
    leaves_nursery_later,
    leaves_scope,
    leaves_deadline,
    leaves_cancelled,
]
KEPT = [raises_kept_cancellation, raises_kept_cancellation_among_others]
FAILING = [raises_in_nursery, raises_in_scope, cancels_itself]
ADRIFT = [closes_scope_below, closes_scope_below_amid, closes_scope_below_and_answers]

CROSSING = [closes_others_scope, cancels_others_scope, opens_scope_and_waits, goes_on_with_a_generator]

BESIDE = [cancels_those_beside_it, fails_beside_it]

for route in [*LEAVING, *FAILING, *ADRIFT, *KEPT, *CROSSING, *BESIDE, leaves_tasks, waits_in_nursery]:
    ROUTES[f"/{route.__name__}"] = route
for name, pieces in (("scope", _pieces_in_a_scope), ("nursery", _pieces_in_a_nursery)):
    ROUTES[f"/leaves_generator_with_{name}"] = _abandons(pieces, kept=False)
    ROUTES[f"/keeps_generator_with_{name}"] = _abandons(pieces, kept=True)
for what in ("cancellation", "nursery", "scope", "scope-below"):
    SESSIONS[f"/session-{what}"] = _session

__all__ = ["app"]
