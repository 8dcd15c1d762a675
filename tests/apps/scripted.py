"""An app that does what its request's query says, step by step, and writes down what its `send` has accepted.

The steps stand in `do`, with dots between:

    p100  a piece of 100 bytes, P100 the last one; v100 one in a bytearray that is changed as soon as `send` returns
    f100  100 bytes of a file by their descriptor, F100 the last ones; n100 a file of 100 bytes by its name
    w10   a wait of 10 ms
    e_x   messages http.response.x for three seconds, without an await of its own
    d100  100 bytes of a file, as f100, that the app gives up after 100 ms
    h     an early hint; t trailers; x the app raises; q it returns; j200 200 sends without an await of its own
    m100  a WebSocket message of 100 bytes, s100 one of 100 characters; g waits for a message; z1001 closes;
    b100  messages of 100 bytes from eight tasks at once, two of which give up

`length` announces so many bytes, `trailers` trailers. Bytes are those of the request's `id`, by their place.
"""

import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any
from urllib.parse import parse_qs

import trio
from support.bodies import body_of, chained

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


class AppError(Exception):
    """Raised by the step `x`."""


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
    if "do" not in query:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
        return
    script = Script(query, receive, send)
    try:
        await (script.converse() if scope["type"] == "websocket" else script.respond())
        script.ended = "returned"
    except BaseException as error:
        script.ended = type(error).__name__
        raise
    finally:
        script.tell()


class Script:
    """One request."""

    def __init__(self, query: dict[str, str], receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        self.number = int(query["id"])
        self.steps = query["do"].split(".")
        self.length, self.trailers = query.get("length"), "trailers" in query
        self.receive, self.send = receive, send
        # Bytes, or messages, that `send` has taken; those that it was given; and whether it has taken the last one.
        self.accepted = self.given = 0
        self.whole = False
        self.ended = ""

    def tell(self) -> None:
        """Write down how it went: one line in one write, whichever worker this is."""
        line = {key: getattr(self, key) for key in ("number", "accepted", "given", "whole", "ended")}
        descriptor = os.open("told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, json.dumps(line).encode() + b"\n")
        os.close(descriptor)

    async def respond(self) -> None:
        """Send the response."""
        if self.steps[0] == "h":
            await self.send({"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]})
        headers = [] if self.length is None else [(b"content-length", self.length.encode())]
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        await self.send({**start, "trailers": True} if self.trailers else start)
        for step in self.steps:
            if step == "q":
                return
            if step[0] == "e":
                await self.go_on(step[2:])
            await self.do(step[0], int(step[1:]) if step[1:].isdigit() else 0)

    async def go_on(self, kind: str) -> None:
        """Send behind the end of the response, for three seconds."""
        end = trio.current_time() + 3
        while trio.current_time() < end:
            await self.send({"type": f"http.response.{kind}", "status": 200, "headers": [], "more_body": True})

    async def do(self, what: str, size: int) -> None:
        """Do one step."""
        if what in "pPvj":
            for _ in range(size if what == "j" else 1):
                await self.piece(what, 16 if what == "j" else size)
        elif what in "fFn":
            await self.file(what, size)
        elif what == "d":
            with trio.move_on_after(0.1):
                await self.file("f", size)
        elif what == "w":
            await trio.sleep(size / 1000)
        elif what == "t":
            await self.send({"type": "http.response.trailers", "headers": [(b"x-end", b"yes")]})
            self.whole = True
        elif what == "x":
            raise AppError

    async def piece(self, what: str, size: int) -> None:
        """Send a piece of the body."""
        data: Any = body_of(self.number, self.given, size)
        self.given += size
        if what == "v":
            data = bytearray(data)
        await self.send({"type": "http.response.body", "body": data, "more_body": what != "P"})
        if what == "v":
            data[:] = bytes(size)
        self.accepted += size
        self.whole = what == "P" and not self.trailers

    async def file(self, what: str, size: int) -> None:
        """Send a file."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(body_of(self.number, self.given, size))
            file.flush()
            self.given += size
            message: Message = {"type": "http.response.pathsend", "path": file.name}
            if what != "n":
                message = {"type": "http.response.zerocopysend", "file": file, "offset": 0, "count": size}
                message["more_body"] = what == "f"
            await self.send(message)
        self.accepted += size
        self.whole = what in "nF" and not self.trailers

    async def converse(self) -> None:
        """Hold the session."""
        await self.receive()
        await self.send({"type": "websocket.accept"})
        for step in self.steps:
            what, size = step[0], int(step[1:] or 0)
            if what in "ms":
                await self.message(what, size)
            elif what == "g":
                await self.receive()
            elif what == "w":
                await trio.sleep(size / 1000)
            elif what == "z":
                await self.send({"type": "websocket.close", "code": size})
                self.whole = True
            elif what == "b":
                await self.crowd(size)
            elif what == "x":
                raise AppError
        self.whole = True

    async def crowd(self, size: int) -> None:
        """Send eight messages from as many tasks; those of two of them give up in the queue."""

        async def send(deadline: float) -> None:
            with trio.move_on_after(deadline):
                await self.message("k", size)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(send, inf)
            await trio.sleep(0.05)
            for deadline in (0.1, inf, 0.1, inf):
                nursery.start_soon(send, deadline)

    async def message(self, what: str, size: int) -> None:
        """Send a message."""
        data = body_of(self.number, self.given * 1009, size)
        if what == "k":
            data = chained(self.number, self.given, size)
        self.given += 1
        if what != "s":
            await self.send({"type": "websocket.send", "bytes": data})
        else:
            await self.send({"type": "websocket.send", "text": data.decode("latin-1")})
        self.accepted += 1
