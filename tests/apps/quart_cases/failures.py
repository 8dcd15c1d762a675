"""What goes wrong in an endpoint: it aborts, raises, or is cancelled."""

import trio
from quart import Response, abort

from quart_cases.noting import LONG, KnownError, cases


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
