"""The answers of the status socket: bytes and JSON."""

import json
from typing import Any

from trio_worker.asgi import Headers, Send


async def send_bytes(send: Send, body: bytes, kind: bytes, status: int = 200, more: Headers | None = None) -> None:
    """Send a whole answer of this content type."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(more or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, value: Any, status: int = 200) -> None:
    """Send a value as JSON."""
    await send_bytes(send, json.dumps(value).encode(), b"application/json", status)
