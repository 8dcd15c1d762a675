"""One request and its response as ASGI sees it, over any protocol that answers with an HTTP/1 response.

The protocol puts what it has parsed into `body`; `receive` asks it for more only when the app wants more. So a slow app
slows its client, and nothing piles up in between.
"""

from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import trio

from trio_worker.asgi import RUNNING, Headers, Message, Scope
from trio_worker.http.app_rules import header_lines
from trio_worker.http.extensions import ExtendedResponse
from trio_worker.http.intake import Intake
from trio_worker.http.response import Ending
from trio_worker.http.response_head import Prepared
from trio_worker.http.service import Service
from trio_worker.transport.wire import Address, Wire

ASGI = {"version": "3.0", "spec_version": "2.5"}

# The ASGI extensions that every response here has.
EXTENSIONS: dict[str, Any] = {"http.response.pathsend": {}, "http.response.zerocopysend": {}}
EXTENSIONS_1_1 = EXTENSIONS | {"http.response.trailers": {}, "http.response.early_hint": {}}

# A copy costs less than a dictionary that is built anew; the values here are those of every request.
_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": ASGI,
    "http_version": "1.1",
    "method": "",
    "scheme": "",
    "path": "",
    "raw_path": b"",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "client": None,
    "server": None,
    "state": None,
    "extensions": None,
}

_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"


class Source(Ending, Protocol):
    """The connection that a request came by, as its exchange knows it.

    Attributes:
        service: the worker's.
        wire: the connection's bytes.
        server: the address that the client has connected to.
    """

    service: Service
    wire: Wire

    @property
    def server(self) -> Address | None: ...

    def start_drain(self) -> None: ...

    async def read_body(self) -> None:
        """Wait for more of the request, and put what came into the exchange."""


class Exchange(ExtendedResponse):
    """One request with its response.

    Args:
        connection: the protocol's side.
        method, target, version: of the request; the target is a path with its query, or `*`.
        headers: of the request, names in lower case.
        keep_alive: whether the client lets the connection go on afterwards.

    Attributes:
        body: pieces of the request's body that the app has not taken yet.
        body_complete: whether the last of them has come.
        intake: the account of the body, None until there is something of it.
    """

    connection: Source
    body_complete = False
    intake: Intake | None = None
    # True once the app has been given all of the body, and once it gets http.disconnect instead of more.
    _told_all = False
    _disconnected = False
    # How many tasks of the app wait for the end of the exchange.
    _waiting = 0

    def __init__(
        self, connection: Source, method: str, target: bytes, version: str, headers: Headers, keep_alive: bool
    ) -> None:
        self.connection = connection
        self.service = connection.service
        self.wire = connection.wire
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        self.body: list[bytes] = []

    def begin(self, cancel_scope: trio.CancelScope) -> None:
        """Make the scope; the app is about to be called within this cancel scope."""
        self.cancel_scope = cancel_scope
        self.body_ready = self.body_complete
        self.scope = self._make_scope()

    def _make_scope(self) -> Scope:
        """Return the ASGI scope of this request (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
        wire = self.wire
        path, _, query = self.target.partition(b"?")
        scope = _SCOPE.copy()
        scope["http_version"] = self.version
        scope["method"] = self.method
        scope["scheme"] = wire.scheme
        scope["path"] = path.decode() if b"%" not in path else unquote_to_bytes(path).decode("utf-8", "replace")
        scope["raw_path"] = path
        scope["query_string"] = query
        scope["headers"] = self.headers
        scope["client"] = wire.client
        scope["server"] = self.connection.server
        scope["state"] = self.service.state.copy()
        scope["extensions"] = extensions = EXTENSIONS.copy() if self.version == "1.0" else EXTENSIONS_1_1.copy()
        extensions[RUNNING] = self
        if wire.extensions:
            extensions.update(wire.extensions)
        return scope

    def cut_off(self, amid: bool) -> None:
        """End the connection behind an answer in the app's place, or amid one of its own (RFC 9112 section 8)."""
        if not amid:
            self.wire.end_writing()
        elif not self.complete:
            self.gone = True
            self.wire.abort()

    def end_connection(self) -> None:
        """Say with the response that the connection ends (HTTP/1.1), or that it takes no new streams (HTTP/2)."""
        self.connection.start_drain()

    @property
    def takes_trailers(self) -> bool:
        """Return True if the client said that it reads trailers."""
        return any(name == b"te" and b"trailers" in value.lower() for name, value in self.headers)

    @property
    def waiting(self) -> bool:
        """Return True if the app waits in `receive` to be told that the client has gone."""
        return self._waiting > 0

    def accept(self, headers: Headers) -> bytes:
        """Return the head that makes this connection a WebSocket (RFC 6455 section 4.2.2).

        Args:
            headers: of the app and of the handshake, by the rules.
        """
        lines, names = header_lines(headers, "websocket.accept"), {name.lower() for name, _ in headers}
        self.begun = True
        head = Prepared(101, _SWITCHING + lines, -1, False, b"date" in names, b"server" in names)
        written = self.service.heads.write(head)
        self.service.counters.heads_out += len(written)
        return written

    async def receive(self) -> Message:
        """Return the next piece of the body; after the last one, the end of the exchange (ASGI's `receive`)."""
        if self._told_all:
            return await self._disconnect()
        if self.expects_continue:
            await self._continue()
        while not (self.body or self.body_complete or self._disconnected or self.complete):
            await self._read_body()
        if self._disconnected or self.complete:
            return await self._disconnect()
        data = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        self._told_all = self.body_complete
        self.service.counters.bytes_in += len(data)
        return {"type": "http.request", "body": data, "more_body": not self.body_complete}

    async def _read_body(self) -> None:
        await self.connection.read_body()

    async def _continue(self) -> None:
        self.expects_continue = False
        if not (self.begun or self.body or self.body_complete):
            try:
                await self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            except OSError:
                self.gone = True
                self.disconnect()

    async def _disconnect(self) -> Message:
        if self._disconnected or self.complete:
            await trio.lowlevel.checkpoint()  # An app that asks again and again must not keep the others waiting.
        else:
            await self._wait_for_end()
        return {"type": "http.disconnect"}

    async def _wait_for_end(self) -> None:
        if self._ended is None:
            self._ended = trio.Event()
        self._waiting += 1
        try:
            await self._ended.wait()
        finally:
            self._waiting -= 1

    def disconnect(self) -> None:
        """Tell the app, now if it waits to hear it, that nothing more of its client will come."""
        self._disconnected = True
        if self._ended is not None:
            self._ended.set()
