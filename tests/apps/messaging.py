"""An app that publishes what is posted to it and shows what its workers' subscriptions get."""

import os
import sys
import time
from typing import Any
from urllib.parse import parse_qsl

import trio
import uwsgi

import trio_worker


def spooler(job: dict[bytes, bytes]) -> int:
    """Publish, in the spooler's process."""
    trio.run(trio_worker.publish, job[b"topic"].decode(), job[b"text"].decode())
    result: Any = uwsgi.SPOOL_OK
    return int(result)


uwsgi.spooler = spooler


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("none here")
    topic = scope["path"].strip("/")
    if scope["type"] == "websocket":
        given = {key: int(value) for key, value in parse_qsl(scope["query_string"].decode())}
        await _listen(topic, given.get("buffer", 256), receive, send)
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    if topic == "block":
        time.sleep(float(body))  # noqa: ASYNC251 - a worker that is stuck
        body = b""
    if topic == "spool":
        await trio_worker.uwsgi_api.spool(topic="spooled", text=body)
    elif body:
        await _publish(topic, body, scope["query_string"] == b"here=1")
    answer = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


async def _publish(topic: str, body: bytes, here: bool) -> None:
    """Publish the lines of the body, those that are UTF-8 as text."""
    for line in body.split(b"\n"):
        began = trio.current_time()
        try:
            text: str | bytes = line.decode()
        except UnicodeDecodeError:
            text = line
        await trio_worker.publish(topic, text, here=here)
        if (took := trio.current_time() - began) > 0.5:
            print(f"published in {took:.1f} s", file=sys.stderr, flush=True)


async def _listen(topic: str, buffer: int, receive: Any, send: Any) -> None:
    """Send each message; the word `hold` from the client stops that until it sends another one."""
    await receive()
    async with trio_worker.subscribe(topic, buffer) as messages:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": str(os.getpid())})
        async with trio.open_nursery() as nursery:
            reading = trio.Event()
            reading.set()
            go = [reading]
            nursery.start_soon(_pass_on, messages, go, send)
            while (message := await receive())["type"] == "websocket.receive":
                if message["text"] == "hold":
                    go[0] = trio.Event()
                else:
                    go[0].set()
                await send({"type": "websocket.send", "text": message["text"]})
            nursery.cancel_scope.cancel()


async def _pass_on(messages: trio_worker.Subscription, go: list[trio.Event], send: Any) -> None:
    while True:
        await go[0].wait()
        try:
            message = await messages.receive()
        except trio_worker.MessagesLost as lost:
            await send({"type": "websocket.send", "text": f"lost {lost.count}"})
            continue
        kind = "text" if isinstance(message, str) else "bytes"
        await send({"type": "websocket.send", kind: message})
