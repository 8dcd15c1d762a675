"""Hypercorn's HTTP/1.1, with what a graceful end of the worker and a hostile client ask for on top."""

from typing import Any

import h11
from hypercorn.events import Closed
from hypercorn.protocol.events import EndBody, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import H11Protocol, H11WSConnection

from trio_worker.http.service import Service
from trio_worker.protocols.http1.rules import (
    HEAD_LIMIT,
    Head,
    check,
    check_size,
    in_origin_form,
    wants_upgrade,
)
from trio_worker.refusal import Refusal

# The headers that wsproto takes apart.
_HANDSHAKE_LISTS = (b"connection", b"sec-websocket-extensions", b"sec-websocket-protocol")


class _Connection(h11.Connection):
    """An h11 connection that ignores what comes behind a request that closes it (RFC 9112 section 9.6).

    h11 takes it for a fault, and its 400 would be the answer to the request before.
    """

    def next_event(self) -> Any:
        return h11.NEED_DATA if self.their_state is h11.MUST_CLOSE else super().next_event()


class Http1(H11Protocol):
    """HTTP/1.1 under the same rules as the express lane, that says `Connection: close` while the worker drains.

    Args:
        service: the worker's.
        parts: what Hypercorn's class takes.
    """

    # Whether the client asks for nothing more. HTTP/1.1 says that with a request.
    leaving = False

    def __init__(self, service: Service, *parts: Any) -> None:
        super().__init__(*parts)
        limit = max(HEAD_LIMIT, self.config.h11_max_incomplete_size, service.options.buffer_size)
        self.connection = _Connection(h11.SERVER, max_incomplete_event_size=limit)
        self._service = service
        self._head = Head("", b"", "", [])
        self._refusal: Refusal | None = None
        # Whether something of a response has not left yet when Hypercorn calls the connection idle.
        self.has_unsent = False

    async def _check_protocol(self, event: h11.Request) -> None:
        self._head = head = Head(event.method.decode(), event.target, event.http_version.decode(), list(event.headers))
        self._refusal = None
        if event.method == b"PRI":
            await super()._check_protocol(event)  # The preface of HTTP/2.
            return
        options = self._service.options
        self._refusal = check(head, [name for name, _ in head.headers], options.limit_post)
        self._refusal = self._refusal or check_size(head.target, head.headers, options.buffer_size)
        if self._refusal is None and not can_be_read(head.headers):
            self._refusal = Refusal(400, "the headers of a WebSocket's handshake are ASCII (RFC 6455 section 4.1)")
        # Hypercorn takes every `Upgrade: h2c` for one that can be followed.
        if self._refusal is None and wants_upgrade(head):
            await super()._check_protocol(event)

    async def _create_stream(self, request: h11.Request) -> None:
        if self._refusal is not None:
            self._service.counters.add_refusal(self._refusal.status)
            await self._send_error_response(self._refusal.status)
            await self.send(Closed())
            return
        method, target, version, headers = in_origin_form(self._head)
        if version == "1.0":
            # Hypercorn would open a WebSocket for it.
            headers = [(name, value) for name, value in headers if name != b"upgrade"]
        await super()._create_stream(h11.Request(method=method, target=target, headers=headers, http_version=version))

    async def stream_send(self, event: StreamEvent) -> None:
        """What a stream sends towards the client."""
        if isinstance(event, Response) and event.status_code >= 200 and self._service.draining.is_set():
            names = [name.lower() for name, _ in event.headers]
            if b"connection" not in names:
                event.headers.append((b"connection", b"close"))
        await super().stream_send(event)
        if isinstance(event, EndBody) and isinstance(self.connection, H11WSConnection):
            # A WebSocket that was refused: nothing else can come on this connection, and nobody else would close it.
            await self.send(Closed())


def can_be_read(headers: Any) -> bool:
    """Whether wsproto can decode what it reads of a handshake; it raises where it cannot."""
    return all(value.isascii() for name, value in headers if name.lower() in _HANDSHAKE_LISTS)
