"""One bare request costs a bounded number of calls of Python code: each is 0.3 to 1 us when the caches are cold."""

import socket
import sys
from collections import Counter
from types import FrameType
from typing import Any

import trio

from trio_worker.application.fence import Application
from trio_worker.http.service import Service
from trio_worker.master.metrics import Counters
from trio_worker.options import parse
from trio_worker.protocols.hypercorn.config import make_config
from trio_worker.serving.attendant import attend
from trio_worker.transport.socket_wire import SocketWire

# As a browser sends it, and no two the same.
HEAD = b"""GET /items/%d?page=%d HTTP/1.1\r
Host: example.org\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
Accept-Language: en-US,en;q=0.5\r
Accept-Encoding: gzip, deflate, br, zstd\r
Connection: keep-alive\r
Cookie: session=%032d\r
Upgrade-Insecure-Requests: 1\r
Sec-Fetch-Dest: document\r
Sec-Fetch-Mode: navigate\r
Sec-Fetch-Site: none\r
\r
"""

# Calls of our own code, each resumption of a coroutine counted as one.
MOST = 24

BODY = b"hello"


async def app(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def count_calls(requests: int) -> Counter[str]:
    """Return the Python functions that are called while so many requests are served on one connection."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            calls[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] += 1

    async def client(theirs: trio.SocketStream) -> None:
        for number in range(requests + 20):
            await theirs.send_all(HEAD % (number, number, number))
            await theirs.receive_some()
            if number == 20:  # The first ones have taught the worker what is remembered.
                sys.setprofile(note)
        sys.setprofile(None)
        await theirs.aclose()

    async def main() -> None:
        options, counters, draining = parse({}), Counters(), trio.Event()
        service = Service(options, counters, Application(app, counters, draining), draining, {}, make_config(options))
        ours, theirs = socket.socketpair()

        async def following() -> None:
            await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.readiness.run)
            nursery.start_soon(client, trio.SocketStream(trio.socket.from_stdlib_socket(theirs)))
            await attend(service, SocketWire(ours, "", 5), following)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return calls


def test_one_bare_request() -> None:
    requests = 100
    calls = count_calls(requests)
    ours = {name: count for name, count in calls.items() if name.startswith("trio_worker.") and count > requests / 2}
    assert sum(ours.values()) / requests <= MOST, ours
