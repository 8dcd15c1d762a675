"""The events of a session, and what each of them does to the streams of its connection."""

from collections.abc import Callable
from math import inf
from typing import Any

from trio_worker.protocols.http2 import rules
from trio_worker.protocols.http2 import session as http2
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.exchange import StreamExchange
from trio_worker.protocols.http2.work import Stream, begin

# Events that the begin of a WebSocket counts as; see intake.py.
SESSION_WEIGHT = 4


def begin_session(connection: Carrier, upgrade: tuple[rules.Asked, bytes] | None) -> None:
    """Say what is allowed, and begin with the request that has asked for HTTP/2, where one has.

    Args:
        connection: that begins.
        upgrade: the request, and the settings that it brings.
    """
    if upgrade is None:
        connection.session.begin()
        return
    asked, settings = upgrade
    connection.wire.send_now(http2.SWITCHING)
    connection.session.begin_upgraded(settings, asked.method == "HEAD")
    start(connection, 1, begin(connection, 1, asked, over=True))


def begin_stream(connection: Carrier, event: http2.Requested) -> None:
    """Begin with the request of a new stream."""
    number, over = event.stream_id, event.end_stream
    if connection.ending:
        connection.session.reset(number, http2.REFUSED_STREAM)
    elif over and (plain := rules.read_plain(event.headers)) is not None:
        exchange = StreamExchange(connection, number, *plain)
        exchange.body_complete = True
        start(connection, number, exchange)
    elif (asked := rules.read(http2.fields_of(event))).target.isascii():
        start(connection, number, begin(connection, number, asked, over))
    else:
        connection.session.reset(number, http2.PROTOCOL_ERROR)  # RFC 9113 section 8.3.1: it is no path.


def start(connection: Carrier, number: int, stream: Stream | None) -> None:
    """Give a new stream to a task; None for one that was refused."""
    connection.session.last_stream = number
    if stream is None:
        return
    if not connection.streams:
        connection.wire.deadline = inf
    connection.streams[number] = stream
    connection.running += 1
    if isinstance(stream, StreamExchange):
        connection.fresh += 1
        connection.service.streams.start(stream)
    elif stream.work is not None:
        connection.owed += SESSION_WEIGHT
        connection.service.tasks.start(stream.work)


def take_data(connection: Carrier, event: http2.Data) -> None:
    """Give a stream what has come of its body."""
    number, data = event.stream_id, event.data
    stream = connection.streams.get(number)
    if stream is None or stream.complete:
        connection.consumed(number, len(data))
    elif data:
        stream.come(data)
    if event.end_stream and stream is not None:
        stream.end()


def end_request(connection: Carrier, event: http2.Trailers) -> None:
    """Tell a stream that its request is over; ASGI has no place for trailers."""
    if (stream := connection.streams.get(event.stream_id)) is not None:
        stream.end()


def lose_stream(connection: Carrier, event: http2.Reset) -> None:
    """Tell a stream that its client does not want it any more, and count that."""
    if (stream := connection.streams.get(event.stream_id)) is not None:
        stream.lose()
    if not connection.account.reset():
        connection.fail("it resets too many streams")


def close_stream(connection: Carrier, event: http2.StreamClosed) -> None:
    """Forget a stream that is over on both sides, and count one that its client has made us reset (CVE-2025-8671)."""
    if (stream := connection.streams.pop(event.stream_id, None)) is not None:
        if event.error_code == http2.PROTOCOL_ERROR:
            connection.account.reset()
        stream.lose()
        if not connection.streams:
            connection.set_idle_deadline()


def end_connection(connection: Carrier, event: http2.GoAway) -> None:
    """Take no more streams."""
    connection.ending = True


def close_connection(connection: Carrier, event: http2.Closed) -> None:
    """End with the last frame, after a fault whatever is still open (RFC 9113 section 5.4.1)."""
    connection.ending = True
    if connection.streams:
        connection.wire.end_reading()
    else:
        connection.end_reading()


def check_priority(connection: Carrier, event: http2.PriorityUpdate) -> None:
    """Refuse a priority of no stream (RFC 9218 section 7.1); others do not matter here."""
    if not event.prioritized_stream_id:
        connection.fail("it gives a priority to stream 0", http2.PROTOCOL_ERROR)


def ignore(connection: Carrier, event: object) -> None:
    """Leave an event to the library, which has acted on it."""


# By the class of the event, which has no subclasses: a chain of tests would cost each stream more.
ACTIONS: dict[type, Callable[[Carrier, Any], None]] = {
    http2.Requested: begin_stream,
    http2.Data: take_data,
    http2.Trailers: end_request,
    http2.Reset: lose_stream,
    http2.StreamClosed: close_stream,
    http2.GoAway: end_connection,
    http2.Closed: close_connection,
    http2.PriorityUpdate: check_priority,
}
