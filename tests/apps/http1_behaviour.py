"""A bare ASGI app that behaves well, oddly and badly, as a server has to expect it; the rest is the probe's.

Here is how it reads, waits and streams, and what a request leaves behind; how it answers is in `http1_answers`.
"""

from contextvars import ContextVar

import http1_answers
import http1_extensions
import probe
import trio
import trio.testing
from http1_extensions import body, query, start
from probe import Receive, Scope, Send, tell


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    route = ROUTES.get(scope.get("path", ""))
    if route is None:
        await probe.app(scope, receive, send)
    else:
        await route(scope, receive, send)


async def _wait_for_disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads to the end of the body, and then waits to hear of the client's end."""
    while (message := await receive())["type"] == "http.request":
        tell(f"took {len(message['body'])} bytes, more: {message['more_body']}")
    tell(f"got {message['type']}")
    await receive()
    tell("and again")


async def _both(scope: Scope, receive: Receive, send: Send) -> None:
    """One task waits for the disconnect, another works; the second does not mind the first."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_wait_for_disconnect, scope, receive, send)
            tell("working")
            await trio.sleep_forever()
    finally:
        tell("work cancelled")


async def _ask_and_wait(scope: Scope, receive: Receive, send: Send) -> None:
    """One task waits for the end, while another looks whether it has come, as Starlette's `is_disconnected` does."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_wait_for_disconnect, scope, receive, send)
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as look:
            look.cancel()
            await receive()
        await start(send)
        await body(send, b"asked")


async def _stream_until_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    try:
        while True:
            await body(send, b"tick\n", more=True)
            await trio.sleep(0.01)
    except (OSError, trio.Cancelled) as error:
        tell(f"stream ended by {type(error).__name__}")
        raise


async def _flood(scope: Scope, receive: Receive, send: Send) -> None:
    """As fast as the client reads, without an await of its own."""
    await start(send)
    tell("flooding")
    piece, count = b"x" * int(query(scope, "size", "65536")), int(query(scope, "count", "1000000000"))
    for _ in range(count):
        await body(send, piece, more=True)
    await body(send)


async def _read_slowly(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes one piece, and the others when the client has asked for `/go`."""
    total = len((await receive())["body"])
    tell("took one")
    await GATE.wait()
    more = True
    while more:
        message = await receive()
        total += len(message["body"])
        more = message["more_body"]
    await start(send)
    await body(send, b"%d" % total)


class _Gate:
    """An event that is made where there is a loop."""

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    @property
    def event(self) -> trio.Event:
        if self._event is None:
            self._event = trio.Event()
        return self._event

    async def wait(self) -> None:
        await self.event.wait()


GATE = _Gate()

VARIABLE = ContextVar("VARIABLE", default=0)


async def _go(scope: Scope, receive: Receive, send: Send) -> None:
    GATE.event.set()
    await start(send)
    await body(send, b"gone")


async def _echo_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """Each piece as it comes."""
    await start(send)
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await body(send, message["body"], more)


async def _duplex(scope: Scope, receive: Receive, send: Send) -> None:
    """Writes without end in one task, and reads in another."""

    async def read() -> None:
        while (await receive())["type"] == "http.request":
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await _flood(scope, receive, send)


async def _late_reader(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers, and reads only then."""
    await start(send)
    await body(send, b"before")
    tell(f"then {(await receive())['type']}")


async def _swallows(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes a cancellation for its own and returns."""
    tell("swallowing")
    try:
        while (await receive())["more_body"]:
            pass
    except trio.Cancelled:
        tell("swallowed")
        return


async def _state(scope: Scope, receive: Receive, send: Send) -> None:
    """The state is a copy: what a request puts there stays there."""
    seen = "mine" in scope["state"]
    scope["state"]["mine"] = True
    await start(send)
    await body(send, b"%d" % seen)


async def _change_headers(scope: Scope, receive: Receive, send: Send) -> None:
    """The list of headers is the request's own: what is put into it here is not in the next one's."""
    scope["headers"].append((b"x-mine", b"1"))
    await start(send)
    await body(send, b"%d" % len(scope["headers"]))


async def _variable(scope: Scope, receive: Receive, send: Send) -> None:
    """What a request sets in a context variable stays there."""
    seen = VARIABLE.get()
    VARIABLE.set(seen + 1)
    await start(send)
    await body(send, b"%d" % seen)


async def _count_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """How the body came."""
    sizes, more = [], True
    while more:
        message = await receive()
        sizes.append(len(message["body"]))
        more = message["more_body"]
    await start(send)
    await body(send, ",".join(map(str, sizes)).encode())


async def _read_and_sleep(scope: Scope, receive: Receive, send: Send) -> None:
    tell("reading")
    await receive()
    try:
        await trio.sleep(60)
    except trio.Cancelled:
        tell("sleep cancelled")
        raise


async def _fail_when_left(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    tell("about to fail")
    await receive()
    raise KeyError("what the client had")


ROUTES = (
    http1_extensions.ROUTES
    | http1_answers.ROUTES
    | {
        "/change-headers": _change_headers,
        "/variable": _variable,
        "/read-and-sleep": _read_and_sleep,
        "/fail-when-left": _fail_when_left,
        "/wait": _wait_for_disconnect,
        "/both": _both,
        "/asks": _ask_and_wait,
        "/ticks": _stream_until_cancelled,
        "/flood": _flood,
        "/slow": _read_slowly,
        "/go": _go,
        "/pieces": _echo_pieces,
        "/duplex": _duplex,
        "/late": _late_reader,
        "/swallows": _swallows,
        "/state": _state,
        "/count": _count_pieces,
    }
)

__all__ = ["app"]
