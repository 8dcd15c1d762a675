"""A bare ASGI app with WebSockets that behave in one way each."""

import time
from typing import Any

import trio
import trio.testing
from probe import Receive, Scope, Send, tell
from probe import app as http_app


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"], "bytes": message["bytes"]})
    tell(f"heard {message['code']} {message['reason']!r}")


async def _slow_echo(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        tell("working")
        await trio.sleep(0.5)
        await send({"type": "websocket.send", "text": message["text"]})
    tell(f"heard {message['code']} {message['reason']!r}")


async def _sends_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes no notice of what `send` raises."""
    await send({"type": "websocket.accept"})
    raised = False
    while True:
        try:
            await send({"type": "websocket.send", "bytes": b"x" * 1000})
        except OSError as error:
            if not raised:
                tell(f"send raised {type(error).__name__}")
            raised = True


async def _receives_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    tell("receives")
    while True:
        await receive()


async def _deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Receives nothing."""
    await send({"type": "websocket.accept"})
    await trio.sleep(30)


async def _closes(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await receive()
    await send({"type": "websocket.close", "code": 4002, "reason": "done"})
    message = await receive()
    tell(f"heard {message['code']} {message['reason']!r}")


async def _goes_on(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends behind its own close, once its client has left."""
    await _closes(scope, receive, send)
    await send({"type": "websocket.send", "text": "too late"})


async def _works_on(scope: Scope, receive: Receive, send: Send) -> None:
    """Has something to do behind its own close, as who writes down what the session was about."""
    await send({"type": "websocket.accept"})
    await receive()
    await send({"type": "websocket.close", "code": 4002, "reason": "done"})
    await trio.sleep(6)
    tell("worked on")


async def _closes_behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends from two tasks, and closes in a third, one after the other."""
    await send({"type": "websocket.accept"})
    messages: list[dict[str, Any]] = [
        {"type": "websocket.send", "text": "a" * 1_000_000},
        {"type": "websocket.send", "text": "last"},
        {"type": "websocket.close", "code": 4002, "reason": "done"},
    ]
    async with trio.open_nursery() as nursery:
        for message in messages:
            nursery.start_soon(send, message)
            await trio.testing.wait_all_tasks_blocked(0.01)
        tell("close is asked for")


async def _sends_too_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends before the worker can have heard that the client has gone."""
    await send({"type": "websocket.accept"})
    await receive()
    tell("thinks")
    time.sleep(0.5)  # noqa: ASYNC251 - nothing else goes on meanwhile
    try:
        await send({"type": "websocket.send", "text": "too late"})
    except OSError:
        tell("nobody is there")


async def _ticks(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends now and then, and leaves it to `send` to end that."""
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "tick"})
        await trio.sleep(0.05)


async def _denies(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"x-why", b"full")]
    await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"too ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"many"})


async def _refuses(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})


async def _injects(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept", "headers": [(b"x-a", b"b\r\nx-c: d")]})


async def _raises(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    raise ValueError("as it should")


async def _returns(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def _begins_to_deny(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 429, "headers": []})


async def _chooses_another(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept", "subprotocol": "nobody-offered-this"})


async def _collects(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes its time for each message."""
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await trio.sleep(0.2)
        tell(f"stored {message['text']}")
    tell(f"heard {message['code']} {message['reason']!r}")


async def _answers_one(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the first message, and has then something else to do."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": (await receive())["text"]})
    await trio.sleep(30)


async def _answers_at_length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the first message with more than a UNIX socket takes, and none of the others."""
    await send({"type": "websocket.accept"})
    await receive()
    await trio.sleep(0.2)  # The kernel has been asked to tell of this connection by then.
    for _ in range(3):
        await send({"type": "websocket.send", "bytes": bytes(80_000)})
    while (await receive())["type"] == "websocket.receive":
        pass


WAYS = {
    "/echo": _echo,
    "/slow": _slow_echo,
    "/sends-for-ever": _sends_for_ever,
    "/receives-for-ever": _receives_for_ever,
    "/deaf": _deaf,
    "/closes": _closes,
    "/goes-on": _goes_on,
    "/ticks": _ticks,
    "/sends-too-late": _sends_too_late,
    "/closes-behind": _closes_behind,
    "/works-on": _works_on,
    "/denies": _denies,
    "/refuses": _refuses,
    "/injects": _injects,
    "/raises": _raises,
    "/returns": _returns,
    "/begins-to-deny": _begins_to_deny,
    "/chooses-another": _chooses_another,
    "/collects": _collects,
    "/answers-one": _answers_one,
    "/answers-at-length": _answers_at_length,
}


async def app(scope: Scope, receive: Receive, send: Any) -> None:
    if scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        await WAYS[scope["path"]](scope, receive, send)
    else:
        await http_app(scope, receive, send)
