"""Hypercorn's HTTP/1.1 and HTTP/2, with what a graceful end of the worker and a hostile client ask for on top."""

from typing import Any

import trio
from h2.events import DataReceived, RequestReceived
from hypercorn.events import RawData
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hyperframe.frame import GoAwayFrame

# The highest stream there can be: a GOAWAY with it says "nothing new, please", and refuses nothing (RFC 9113 section
# 6.8).
ANY_STREAM = 2**31 - 1

# What a client may repeat on another connection without asking (RFC 9113 section 8.7).
REFUSED_STREAM = 7


class Http1(H11Protocol):
    """HTTP/1.1 that says `Connection: close` while the worker drains.

    Args:
        draining: the worker's event.
        parts: what Hypercorn's class takes.
    """

    def __init__(self, draining: trio.Event, *parts: Any) -> None:
        super().__init__(*parts)
        self._draining = draining

    async def stream_send(self, event: StreamEvent) -> None:
        """What a stream sends towards the client."""
        if isinstance(event, Response) and event.status_code >= 200 and self._draining.is_set():
            names = [name.lower() for name, _ in event.headers]
            if b"connection" not in names:
                event.headers.append((b"connection", b"close"))
        await super().stream_send(event)


class Http2(H2Protocol):
    """HTTP/2 that ends with GOAWAY, and that takes data for a stream that has just ended as the RFC does."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._refusing = False

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

    async def _handle_events(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, RequestReceived) and self._refusing:
                self.connection.reset_stream(event.stream_id, REFUSED_STREAM)
            elif isinstance(event, DataReceived) and event.stream_id not in self.streams:
                # The answer was sent without waiting for the body (RFC 9113 section 8.1).
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                await super()._handle_events([event])
        await self._flush()
