"""One request and its response as ASGI sees it, over any protocol that answers with an HTTP/1 response.

The protocol puts what it has parsed into `body`; `receive` asks it for more only when the app wants more. So a slow app
slows its client, and nothing piles up in between.
"""

from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import trio

from trio_worker.asgi import HANDLE, Message, Scope
from trio_worker.http.extensions import ExtendedResponse
from trio_worker.http.response import Channel
from trio_worker.http.service import Service

ASGI = {"version": "3.0", "spec_version": "2.5"}

# What every response here can do beyond the ASGI standard's core.
EXTENSIONS: dict[str, Any] = {"http.response.pathsend": {}, "http.response.zerocopysend": {}}
EXTENSIONS_1_1 = EXTENSIONS | {"http.response.early_hint": {}}
EXTENSIONS_CHUNKED = EXTENSIONS_1_1 | {"http.response.trailers": {}}

Headers = list[tuple[bytes, bytes]]


class Source(Channel, Protocol):
    """What an exchange asks of the protocol that its request came by."""

    service: Service

    async def read_body(self) -> None:
        """Wait for more of the request, and put what came into the exchange."""


class Exchange(ExtendedResponse):
    """One request with its response.

    Args:
        source: the protocol's side.
        method, target, version: of the request; the target is a path with its query, or `*`.
        headers: of the request, names in lower case.
        keep_alive: whether the client lets the connection go on afterwards.

    Attributes:
        body: pieces of the request's body that the app has not taken yet.
        body_complete: whether the last of them has come.
        expects_continue: whether the client waits to be asked for the body (RFC 9110 section 10.1.1).
    """

    _channel: Source
    body_complete = False
    expects_continue = False
    _gone = False
    _told_all = False
    # Made when the app waits for the end of the exchange, set when it comes; and how many of its tasks wait.
    _ended: trio.Event | None = None
    _waiting = 0

    def __init__(
        self, source: Source, method: str, target: bytes, version: str, headers: Headers, keep_alive: bool
    ) -> None:
        self._channel = source
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        self.body: list[bytes] = []

    def scope(self) -> Scope:
        """The ASGI scope of this request (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
        source = self._channel
        wire = source.wire
        path, _, query = self.target.partition(b"?")
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": self.version,
            "method": self.method,
            "scheme": wire.scheme,
            "path": path.decode() if b"%" not in path else unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": wire.client,
            "server": wire.server,
            "state": source.service.state.copy(),
            "extensions": self._extensions(),
        }

    def _extensions(self) -> dict[str, Any]:
        can = EXTENSIONS
        if self.version == "1.1":
            can = EXTENSIONS_CHUNKED if self._channel.may_chunk else EXTENSIONS_1_1
        extensions = can.copy()
        extensions[HANDLE] = self._channel.handle
        if self._channel.wire.extensions:
            extensions.update(self._channel.wire.extensions)
        return extensions

    @property
    def takes_trailers(self) -> bool:
        """Whether the client said that it reads trailers."""
        return any(name == b"te" and b"trailers" in value.lower() for name, value in self.headers)

    @property
    def waiting(self) -> bool:
        """Whether the app waits in `receive` to be told that the client has gone."""
        return self._waiting > 0

    async def receive(self) -> Message:
        """ASGI's `receive`: the next piece of the body; after the last one, the end of the exchange."""
        if self._told_all:
            return await self._disconnect()
        if self.expects_continue:
            await self._continue()
        while not (self.body or self.body_complete or self._gone or self.complete):
            await self._channel.read_body()
        if self._gone or self.complete:
            return {"type": "http.disconnect"}
        data = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        self._told_all = self.body_complete
        self._channel.service.counters.bytes_in += len(data)
        return {"type": "http.request", "body": data, "more_body": not self.body_complete}

    async def _continue(self) -> None:
        self.expects_continue = False
        if not (self._channel.handle.begun or self.body or self.body_complete):
            await self._channel.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _disconnect(self) -> Message:
        if not (self._gone or self.complete):
            if self._ended is None:
                self._ended = trio.Event()
            self._waiting += 1
            try:
                await self._ended.wait()
            finally:
                self._waiting -= 1
        return {"type": "http.disconnect"}

    def _completed(self) -> None:
        if self._ended is not None:
            self._ended.set()

    def disconnect(self) -> None:
        """The client has gone: tell the app, now if it waits to hear it."""
        self._gone = True
        if self._ended is not None:
            self._ended.set()
