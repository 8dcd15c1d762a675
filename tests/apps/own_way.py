"""Apps that go their own way: two shield themselves from every cancellation. The rest is `http1_behaviour`'s."""

import http1_behaviour
import trio
import trio.testing
from http1_extensions import body, start
from probe import Handler, Receive, Scope, Send, tell


async def reads_shielded(scope: Scope, receive: Receive, send: Send) -> None:
    with trio.CancelScope(shield=True):
        while (message := await receive())["type"] == "http.request":
            tell(f"shielded, {len(message['body'])} bytes")
        tell(f"shielded, {message['type']}")


async def writes_shielded(scope: Scope, receive: Receive, send: Send) -> None:
    with trio.CancelScope(shield=True):
        tell("waiting")
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await start(send)
            await body(send, b"x" * 50_000_000)
        finally:
            tell("has written")


async def answers_while_it_reads(scope: Scope, receive: Receive, send: Send) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        await start(send)
        await body(send, b"early")


async def reads_and_sleeps(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["more_body"]:
        pass
    tell("has read")
    await trio.sleep(0.5)
    await start(send)
    await body(send, b"late")


ROUTES: dict[str, Handler] = {
    "/shielded/reads": reads_shielded,
    "/shielded/writes": writes_shielded,
    "/answers": answers_while_it_reads,
    "/reads": reads_and_sleeps,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await ROUTES.get(scope.get("path", ""), http1_behaviour.app)(scope, receive, send)
