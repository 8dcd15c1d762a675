"""A bare ASGI app that behaves well, oddly and badly, as a server has to expect it; the rest is the probe's."""

from contextvars import ContextVar
from typing import Any

import http1_extensions
import probe
import trio
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


async def _early(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading."""
    await start(send)
    await body(send, b"early")


async def _late_reader(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers, and reads only then."""
    await start(send)
    await body(send, b"before")
    tell(f"then {(await receive())['type']}")


async def _header(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the header that the query has in hexadecimal."""
    name, value = bytes.fromhex(query(scope, "name")), bytes.fromhex(query(scope, "value"))
    await start(send, int(query(scope, "status", "200")), [(name, value)])
    await body(send, b"ok")


async def _length(scope: Scope, receive: Receive, send: Send) -> None:
    """Announces a Content-Length and sends pieces of the given sizes."""
    await start(send, headers=[(b"content-length", query(scope, "announced").encode())])
    sizes = [int(size) for size in query(scope, "sizes").split(",")]
    for size in sizes[:-1]:
        await body(send, b"x" * size, more=True)
    await body(send, b"x" * sizes[-1])


async def _odd_body(scope: Scope, receive: Receive, send: Send) -> None:
    """A body that is not bytes."""
    kinds: dict[str, Any] = {
        "str": "text",
        "int": 5,
        "array": bytearray(b"text"),
        "view": memoryview(b"text"),
    }
    await start(send)
    await body(send, kinds[query(scope, "kind")])


async def _headers_once(scope: Scope, receive: Receive, send: Send) -> None:
    """Headers as an iterator, which can be gone through once."""
    await start(send, headers=iter([(b"content-length", b"2"), [b"x-a", b"b"]]))
    await body(send, b"ok")


async def _two_lengths(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, headers=[(b"content-length", b"2"), (b"content-length", b"2")])
    await body(send, b"ok")


async def _status(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"4")] if query(scope, "length") else []
    await start(send, int(query(scope, "code")), headers)
    await body(send, b"body")


async def _out_of_order(scope: Scope, receive: Receive, send: Send) -> None:
    await body(send, b"before its head")


async def _twice(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await start(send)


async def _refused_by_another(scope: Scope, receive: Receive, send: Send) -> None:
    """What an app raises whose database is down."""
    raise ConnectionRefusedError("the database is down")


async def _swallows(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes a cancellation for its own and returns."""
    tell("swallowing")
    try:
        while (await receive())["more_body"]:
            pass
    except trio.Cancelled:
        tell("swallowed")
        return


async def _bounded_send(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives up a send that takes too long, and goes on as if nothing had been."""
    await start(send)
    with trio.move_on_after(0.2):
        await body(send, b"x" * 50_000_000, more=True)
    tell("gave up")
    await body(send, b"the end")


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


async def _extensions(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, " ".join(sorted(scope["extensions"])).encode())


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


async def _afterwards(scope: Scope, receive: Receive, send: Send) -> None:
    """Goes on behind its answer."""
    await start(send)
    await body(send, b"answer")
    await trio.sleep(0.5)
    tell("work behind the answer is done")


async def _fail_when_left(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    tell("about to fail")
    await receive()
    raise KeyError("what the client had")


ROUTES = http1_extensions.ROUTES | {
    "/change-headers": _change_headers,
    "/variable": _variable,
    "/read-and-sleep": _read_and_sleep,
    "/afterwards": _afterwards,
    "/fail-when-left": _fail_when_left,
    "/wait": _wait_for_disconnect,
    "/both": _both,
    "/ticks": _stream_until_cancelled,
    "/flood": _flood,
    "/slow": _read_slowly,
    "/go": _go,
    "/pieces": _echo_pieces,
    "/duplex": _duplex,
    "/early": _early,
    "/late": _late_reader,
    "/header": _header,
    "/length": _length,
    "/odd": _odd_body,
    "/once": _headers_once,
    "/two": _two_lengths,
    "/code": _status,
    "/disorder": _out_of_order,
    "/twice": _twice,
    "/database": _refused_by_another,
    "/swallows": _swallows,
    "/bounded": _bounded_send,
    "/state": _state,
    "/extensions": _extensions,
    "/count": _count_pieces,
}

__all__ = ["app"]
