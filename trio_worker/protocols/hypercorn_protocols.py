"""Hypercorn's HTTP/1.1 and HTTP/2, with what a graceful end of the worker and a hostile client ask for on top."""

import contextlib
from typing import Any

import h2.exceptions
import h11
from h2.events import DataReceived, RequestReceived, StreamReset
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import EndBody, EndData, Response, StreamClosed, Trailers
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol, H11WSConnection
from hyperframe.frame import GoAwayFrame

from trio_worker.protocols.http1_rules import (
    HEAD_LIMIT,
    Head,
    Refusal,
    check,
    check_size,
    in_origin_form,
    wants_upgrade,
)
from trio_worker.service import Service

# The highest stream there can be: a GOAWAY with it says "nothing new, please", and refuses nothing (RFC 9113 section
# 6.8).
ANY_STREAM = 2**31 - 1

# What a client may repeat on another connection without asking (RFC 9113 section 8.7).
REFUSED_STREAM = 7

# For what breaks the rules of a protocol on one stream only (RFC 9113 section 8.1.1).
PROTOCOL_ERROR = 1

# For a response that its app has left unfinished (RFC 9113 section 7).
INTERNAL_ERROR = 2

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
        if self._refusal is None and not _can_be_read(head.headers):
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


def _can_be_read(headers: Any) -> bool:
    """Whether wsproto can decode what it reads of a handshake; it raises where it cannot."""
    return all(value.isascii() for name, value in headers if name.lower() in _HANDSHAKE_LISTS)


class Http2(H2Protocol):
    """HTTP/2 that ends with GOAWAY, is idle when its answers have left, and resets what an app leaves unfinished.

    A task of its own sends the data of all streams, so a stream is closed for Hypercorn before its end has left.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._refusing = False
        self._ended: set[int] = set()

    @property
    def has_unsent(self) -> bool:
        """Whether something of a response has not left yet."""
        return bool(self.stream_buffers)

    async def go_away(self, last_stream: int | None = None) -> None:
        """Tell the client to open no more streams here.

        Args:
            last_stream: the last that will still be served. None is the last one seen, and means it: later ones are
                refused in a way that lets the client repeat them elsewhere.
        """
        if last_stream is None:
            self._refusing = True
            last_stream = self.connection.highest_inbound_stream_id
        # h2's own close_connection() ends its state machine, and with it the streams that are to finish.
        await self.send(RawData(GoAwayFrame(0, last_stream_id=last_stream, error_code=0).serialize()))

    async def stream_send(self, event: StreamEvent) -> None:
        """What a stream sends towards the client."""
        if isinstance(event, (EndBody, EndData)):
            self._ended.add(event.stream_id)
        elif isinstance(event, StreamClosed):
            await self._leave(event.stream_id)
        await super().stream_send(event)
        if isinstance(event, Trailers):
            await self._forget(event.stream_id)

    async def _leave(self, stream_id: int) -> None:
        """A stream has been left by its app: its end is on its way, or never comes."""
        if stream_id in self._ended or stream_id not in self.stream_buffers:
            self._ended.discard(stream_id)
            return
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, INTERNAL_ERROR)
        await self._forget(stream_id)
        await self._flush()

    async def _forget(self, stream_id: int) -> None:
        buffer = self.stream_buffers.pop(stream_id, None)
        if buffer is not None:
            self.priority.remove_stream(stream_id)
            await buffer.close()

    async def _send_data(self, stream_id: int) -> None:
        with contextlib.suppress(KeyError):  # The stream was left while its data was on the way.
            await super()._send_data(stream_id)
        if not self.streams and not self.stream_buffers:
            await self.send(Updated(idle=True))

    async def _handle_events(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, RequestReceived) and self._refusing:
                self.connection.reset_stream(event.stream_id, REFUSED_STREAM)
            elif isinstance(event, RequestReceived) and not _can_be_read(event.headers):
                self.connection.reset_stream(event.stream_id, PROTOCOL_ERROR)
            elif isinstance(event, DataReceived) and event.stream_id not in self.streams:
                # The answer was sent without waiting for the body (RFC 9113 section 8.1).
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                await super()._handle_events([event])
            if isinstance(event, StreamReset):
                await self._forget(event.stream_id)
                await self.send(Updated(idle=not self.streams))
        await self._flush()
