"""How a bare ASGI app may answer: well, oddly and badly, and how it may go on behind its answer."""

from typing import Any

import trio
from http1_extensions import body, query, start
from probe import Receive, Scope, Send, tell


async def _early(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading."""
    await start(send)
    await body(send, b"early")


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


async def _bounded_send(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives up a send that takes too long, and goes on as if nothing had been."""
    await start(send)
    with trio.move_on_after(0.2):
        await body(send, b"x" * 50_000_000, more=True)
    tell("gave up")
    await body(send, b"the end")


async def _extensions(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, " ".join(sorted(scope["extensions"])).encode())


async def _afterwards(scope: Scope, receive: Receive, send: Send) -> None:
    """Goes on behind its answer."""
    await start(send)
    await body(send, b"answer")
    await trio.sleep(0.5)
    tell("work behind the answer is done")


ROUTES = {
    "/early": _early,
    "/header": _header,
    "/length": _length,
    "/odd": _odd_body,
    "/once": _headers_once,
    "/two": _two_lengths,
    "/code": _status,
    "/disorder": _out_of_order,
    "/twice": _twice,
    "/database": _refused_by_another,
    "/bounded": _bounded_send,
    "/extensions": _extensions,
    "/afterwards": _afterwards,
}
