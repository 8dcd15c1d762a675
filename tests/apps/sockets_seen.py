"""An app that says whether its client's connection has SO_KEEPALIVE."""

import os
import socket
from typing import Any


def keepalive(peer: tuple[str, int]) -> int:
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as each:
                if each.getpeername()[:2] == tuple(peer):
                    return each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        except OSError:
            continue
    raise LookupError(peer)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"%d" % keepalive(scope["client"])})
