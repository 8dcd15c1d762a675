"""Streams: how they are made, how they end, and how long they may take."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import trio
from quart import Response, current_app, make_response, request, stream_with_context

from quart_cases.noting import LONG, SHORT, case, cases, notes


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
