"""Apps that cannot be served, each in its own way."""

import logging

from probe import Receive, Scope, Send, app

not_callable = 42


def create_broken() -> object:
    raise RuntimeError("the factory gave up")


async def always_raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("whatever is asked")


async def logs_its_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Writes what a client has chosen into the log, as Quart does when a handler fails."""
    if scope["type"] == "http":
        logging.getLogger("app").warning("asked for %s", scope["path"])
    await app(scope | {"path": "/"}, receive, send)


async def startup_fails(scope: Scope, receive: Receive, send: Send) -> None:
    """Says so, as ASGI has it."""
    if scope["type"] != "lifespan":
        await app(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})


async def startup_raises(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        await app(scope, receive, send)
        return
    await receive()
    raise RuntimeError("the database is on fire")


async def startup_exits(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        await app(scope, receive, send)
        return
    await receive()
    raise SystemExit("no licence")
