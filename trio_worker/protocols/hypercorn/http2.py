"""Hypercorn's HTTP/2, with what a graceful end of the worker, slow apps and a hostile client ask for on top."""

import contextlib
import logging
from functools import partial
from typing import Any

import h2.connection
import h2.exceptions
import trio
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, EndData, StreamClosed, Trailers
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.ws_stream import WSStream
from hyperframe.frame import Frame, GoAwayFrame

from trio_worker.host import is_host
from trio_worker.http.response_head import TOKEN
from trio_worker.http.service import Service
from trio_worker.protocols.hypercorn.http1 import can_be_read
from trio_worker.protocols.hypercorn.tasks import AppTask
from trio_worker.transport.bounds import DISCARD_LIMIT

log = logging.getLogger(__name__)

# The highest stream there can be: a GOAWAY with it says "nothing new, please", and refuses nothing (RFC 9113 section
# 6.8).
ANY_STREAM = 2**31 - 1

# For what ends as it should (RFC 9113 section 7).
NO_ERROR = 0

# What a client may repeat on another connection without asking (RFC 9113 section 8.7).
REFUSED_STREAM = 7

# For what breaks the rules of a protocol on one stream only (RFC 9113 section 8.1.1).
PROTOCOL_ERROR = 1

# For a response that its app has left unfinished (RFC 9113 section 7).
INTERNAL_ERROR = 2

# For a client that opens streams only to reset them, which costs it nothing (CVE-2023-44487; RFC 9113 section 10.5).
ENHANCE_YOUR_CALM = 11

# How many streams a client may reset at once, and how many more in each second. Browsers reset what a page that is left
# was still loading.
RESETS_AT_ONCE = 200
RESETS_PER_SECOND = 20


class _Http2Connection(h2.connection.H2Connection):
    """An h2 connection that a client can leave: GOAWAY without an error ends no stream (RFC 9113 section 6.8)."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Any]]:
        if frame.error_code != NO_ERROR:
            return super()._receive_goaway_frame(frame)
        event = ConnectionTerminated()
        event.error_code, event.last_stream_id = NO_ERROR, frame.last_stream_id
        return [], [event]


class Http2(H2Protocol):
    """HTTP/2 that ends with GOAWAY, is idle when its answers have left, and resets what an app leaves unfinished.

    A task of its own sends the data of all streams, so a stream is closed for Hypercorn before its end has left.

    Args:
        service: the worker's.
        parts: what Hypercorn's class takes.

    Attributes:
        leaving: whether the client has said that it opens no more streams.
    """

    def __init__(self, service: Service, *parts: Any) -> None:
        super().__init__(*parts)
        self._service = service
        self.connection = _with_goaway(self.connection)
        self.leaving = False
        self._refusing = False
        self._ended: set[int] = set()
        self._discarded: dict[int, int] = {}
        # What the windows of streams lack while their apps take nothing, in bytes.
        self._owed: dict[int, int] = {}
        # Streams that the client may still reset, and since when, on Trio's clock.
        self._resets_left: float = RESETS_AT_ONCE
        self._reset_at = trio.current_time()

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
        elif isinstance(event, StreamClosed):
            await self._reopen(event.stream_id)

    async def _leave(self, stream_id: int) -> None:
        """A stream has been left by its app: its end is on its way, or never comes."""
        buffer = self.stream_buffers.get(stream_id)
        if stream_id in self._ended or buffer is None:
            self._ended.discard(stream_id)
            return
        if isinstance(self.streams.get(stream_id), WSStream):
            # The close frame was its last word, and is followed by the end of the stream (RFC 8441 section 5).
            buffer.set_complete()
            await self._window_updated(stream_id)
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
            if isinstance(event, StreamReset) and not self._may_reset():
                await self._calm_down()
                return
            with contextlib.suppress(h2.exceptions.ProtocolError):  # The client has reset it meanwhile.
                if isinstance(event, DataReceived) and event.stream_id in self.streams:
                    await self._feed(event)
                elif not self._handle_ourselves(event):
                    await super()._handle_events([event])
            if isinstance(event, StreamReset):
                await self._forget(event.stream_id)
                await self.send(Updated(idle=not self.streams))
        await self._flush()

    def _may_reset(self) -> bool:
        now = trio.current_time()
        self._resets_left += (now - self._reset_at) * RESETS_PER_SECOND
        self._resets_left = min(RESETS_AT_ONCE, self._resets_left) - 1
        self._reset_at = now
        return self._resets_left >= 0

    async def _calm_down(self) -> None:
        """End the connection, and all that it has begun."""
        log.warning("closed an HTTP/2 connection of %s: it resets too many streams", self.client)
        self.connection.close_connection(ENHANCE_YOUR_CALM)
        await self._flush()
        await self.send(Closed())

    async def _feed(self, event: DataReceived) -> None:
        """Hand a piece to its stream. Where the app takes none, the stream's window closes, and only that one."""
        number, size = event.stream_id, event.flow_controlled_length
        stream = self.streams[number]
        await stream.handle(Body(stream_id=number, data=event.data))
        task = getattr(stream, "app_put", None)
        if isinstance(task, AppTask) and task.is_full and size:
            task.when_taken = partial(self._reopen, number)
            self._owed[number] = self._owed.get(number, 0) + size
            self.connection.increment_flow_control_window(size)
        else:
            self.connection.acknowledge_received_data(size, number)

    async def _reopen(self, number: int) -> None:
        owed = self._owed.pop(number, 0)
        if owed:
            with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):  # The client has left the stream.
                self.connection.increment_flow_control_window(owed, number)
                await self._flush()

    def _handle_ourselves(self, event: Any) -> bool:
        """What Hypercorn does not know of; False for what is its own."""
        if isinstance(event, RequestReceived):
            return self._refuse(event)
        if isinstance(event, DataReceived):
            self._discard(event)
            return True
        if isinstance(event, ConnectionTerminated) and event.error_code == NO_ERROR:
            self.leaving = True
            return True
        if isinstance(event, (StreamEnded, StreamReset)):
            self._discarded.pop(event.stream_id, None)
            self._owed.pop(event.stream_id, None)
        return False

    def _refuse(self, event: RequestReceived) -> bool:
        """Refuse what no app is to see; False for all else."""
        if self._refusing:
            self.connection.reset_stream(event.stream_id, REFUSED_STREAM)
        elif not (can_be_read(event.headers) and _is_sound(dict(event.headers))):
            self.connection.reset_stream(event.stream_id, PROTOCOL_ERROR)
        elif _is_too_large(event.headers, self._service.options.limit_post):
            self._service.counters.add_refusal(413)
            headers = [(b":status", b"413"), (b"content-length", b"0"), *self.config.response_headers("h2")]
            self.connection.send_headers(event.stream_id, headers, end_stream=True)
        else:
            return False
        return True

    def _discard(self, event: DataReceived) -> None:
        """The answer was sent without waiting for the body, which is read for a while (RFC 9113 section 8.1)."""
        number = event.stream_id
        self.connection.acknowledge_received_data(event.flow_controlled_length, number)
        self._discarded[number] = size = self._discarded.get(number, 0) + len(event.data)
        if size > DISCARD_LIMIT and number not in self.stream_buffers:
            del self._discarded[number]
            self.connection.reset_stream(number, NO_ERROR)


def _with_goaway(connection: Any) -> _Http2Connection:
    """The connection that Hypercorn has made and configured, as one of ours."""
    ours = _Http2Connection(config=connection.config)
    ours.DEFAULT_MAX_INBOUND_FRAME_SIZE = connection.DEFAULT_MAX_INBOUND_FRAME_SIZE
    ours.local_settings = connection.local_settings
    return ours


def _is_sound(fields: dict[bytes, bytes]) -> bool:
    """Whether the pseudo-headers make a request (RFC 9113 section 8.3.1) that HTTP/1.1 would take as well."""
    path, method = fields.get(b":path", b""), fields.get(b":method", b"")
    host = fields.get(b":authority") or fields.get(b"host", b"")
    is_path = path.startswith(b"/") or (path == b"*" and method == b"OPTIONS")
    return path.isascii() and is_path and not method.translate(None, TOKEN) and is_host(host)


def _is_too_large(headers: Any, limit: int) -> bool:
    """Whether the body announces more bytes than uWSGI's `limit-post` allows, 0 for any number."""
    announced = dict(headers).get(b"content-length", b"")
    return bool(limit) and announced.isdigit() and int(announced.lstrip(b"0")[:20] or b"0") > limit
