"""A bare ASGI app that shows its scope, and takes and gives bodies of any size without holding them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import trio
from probe import app as probe_app

BLOCK = bytes(range(256)) * 256


def content(size: int) -> "hashlib._Hash":
    """The SHA-256 of the body that `/bytes?size=` answers with."""
    digest = hashlib.sha256()
    for start in range(0, size, len(BLOCK)):
        digest.update(BLOCK[: size - start])
    return digest


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
    if scope["type"] == "websocket" and path == "/scope":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": json.dumps(_plain(scope))})
        await send({"type": "websocket.close"})
    elif path.startswith("/scope"):
        await _answer(send, json.dumps(_plain(scope)).encode())
    elif path == "/digest":
        await _answer(send, await _digest(receive))
    elif path == "/bytes":
        await _bytes(scope, send)
    elif path == "/nothing":
        await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"1"')]})
        await send({"type": "http.response.body"})
    elif path == "/pieces":
        await _send_pieces(send)
    elif path == "/waits":
        await _wait_for_disconnect(receive)
    else:
        await probe_app(scope, receive, send)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if key not in ("state", "trio_worker.running")}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str | int | float | None) else repr(value)


async def _send_pieces(send: Any) -> None:
    """Send a body of unknown length in one step, when the connection has been there for a while."""
    await trio.sleep(0.2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(5):
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _digest(receive: Any) -> bytes:
    digest, size, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return json.dumps({"sha256": digest.hexdigest(), "size": size}).encode()


async def _bytes(scope: dict[str, Any], send: Any) -> None:
    asked = parse_qs(scope["query_string"].decode())
    size = int(asked["size"][0])
    headers = [(b"content-length", b"%d" % size)] if "length" in asked else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, size, len(BLOCK)):
        await send({"type": "http.response.body", "body": BLOCK[: size - start], "more_body": True})
    await send({"type": "http.response.body"})


async def _wait_for_disconnect(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    print("mirror: told of the disconnect", flush=True)
    await trio.lowlevel.checkpoint()
