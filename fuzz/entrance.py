"""A whole connection, from its first byte to its close: no exception leaves it, and it ends when the client does."""

import logging
import socket
import sys
from typing import Any

import atheris
import trio

with atheris.instrument_imports(include=["trio_worker", "hypercorn"]):
    from trio_worker.application.fence import Application
    from trio_worker.http.service import Service
    from trio_worker.master.metrics import Counters
    from trio_worker.options import parse
    from trio_worker.protocols.hypercorn.config import make_config
    from trio_worker.serving.attendant import attend
    from trio_worker.transport.socket_wire import SocketWire

# Seconds that a connection may last when its client has said everything.
LONGEST = 8

OPTIONS = parse({"enable-proxy-protocol": True, "trio-proxy-allow": b"unix", "buffer-size": b"4096"})


class Failed(logging.Handler):
    """Makes an error in the log one of the target.

    What the fence around the app catches is not one: Hypercorn tells an app that accepts a WebSocket whose client has
    gone of its own state by an exception.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR and not record.getMessage().startswith("exception in WebSocket"):
            raise AssertionError(self.format(record))

    def handleError(self, record: logging.LogRecord) -> None:
        raise


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole of a body and answers; echoes in a session."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": "text"})
        return
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def no_more() -> None:
    """No connection follows."""


async def converse(data: bytes) -> None:
    counters, draining = Counters(), trio.Event()
    application = Application(app, counters, draining)
    service = Service(OPTIONS, counters, application, draining, {"draining": draining}, make_config(OPTIONS))
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with trio.fail_after(LONGEST):
            async with trio.open_nursery() as background:
                background.start_soon(service.disconnects.run)
                await attend(service, SocketWire(ours, "", 5), no_more)
                background.cancel_scope.cancel()
    assert not len(service.connections)


def fuzz(data: bytes) -> None:
    trio.run(converse, data)


if __name__ == "__main__":
    log = logging.getLogger("trio_worker")
    log.addHandler(Failed())
    log.propagate = False
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
