"""A whole connection of a worker: no exception leaves it, no error is logged, and it ends when its client does."""

import logging
import socket
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import atheris
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

with atheris.instrument_imports(include=["trio_worker"]):
    from trio_worker.application.fence import Application
    from trio_worker.http.service import Service
    from trio_worker.master.metrics import Counters
    from trio_worker.options import Options, parse
    from trio_worker.protocols.hypercorn.config import make_config
    from trio_worker.serving.accepting import open_listeners

# Seconds that a connection may last when its client has said everything.
LONGEST = 8

_LIMITS = {"buffer-size": b"4096", "limit-post": b"2000", "websockets-max-size": b"1", "trio-h2c-upgrade": True}
OPTIONS = parse(_LIMITS)
BEHIND_PROXY = parse({**_LIMITS, "enable-proxy-protocol": True, "trio-proxy-allow": b"unix"})

# With what a PROXY header begins, and what is served as if it were in none.
_PROXY = (b"PROXY", b"\r\n\r\n\0")

Client = Callable[[trio.SocketStream], Awaitable[None]]


class Failed(logging.Handler):
    """Makes an error in the log one of the target."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            raise AssertionError(self.format(record))

    def handleError(self, record: logging.LogRecord) -> None:
        raise


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole of a body and answers; echoes in a session."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        return
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def _serve(options: Options, client: Client) -> None:
    counters, draining = Counters(), trio.Event()
    application = Application(_app, counters, draining)
    service = Service(options, counters, application, draining, {"draining": draining}, make_config(options))
    with trio.fail_after(LONGEST), socket.socket(socket.AF_UNIX) as listening:
        listening.bind("")  # To a name of the kernel's choice.
        listening.listen()
        async with trio.open_nursery() as background:
            with open_listeners(service, background, [listening.fileno()], alone=True, most=10) as listeners:
                for each in (service.readiness.run, listeners.run):
                    background.start_soon(each)
                background.start_soon(service.clock.sweep, service.connections)
                await client(await trio.open_unix_socket(listening.getsockname()))
                await service.connections.wait_empty()
            background.cancel_scope.cancel()
    assert not application.count_running()


async def _talk(handshake: bytes, data: bytes, stream: trio.SocketStream) -> None:
    """Say everything, half of the clients without waiting for an answer, and read to the end."""
    try:
        if handshake:
            await stream.send_all(handshake)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        await stream.send_all(data)
        if len(data) % 2:
            await wait_all_tasks_blocked()
        await stream.send_eof()
        async for _ in stream:
            pass
    except trio.BrokenResourceError:
        pass  # The worker has closed first.
    finally:
        await stream.aclose()


def converse(data: bytes, handshake: bytes = b"") -> None:
    """Have a client say this; time jumps to the next deadline where everybody waits.

    Args:
        data: what it says, and then nothing more.
        handshake: of a WebSocket, which is answered before that.
    """
    options = BEHIND_PROXY if data.startswith(_PROXY) else OPTIONS
    try:
        trio.run(_serve, options, partial(_talk, handshake, data), clock=MockClock(autojump_threshold=0))
    except BaseExceptionGroup:
        traceback.print_exc()  # Atheris shows no more of it than that it is a group.
        raise


def watch_log() -> None:
    """Have errors in the log fail the target."""
    log = logging.getLogger("trio_worker")
    log.addHandler(Failed())
    log.propagate = False
