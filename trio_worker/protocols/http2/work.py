"""Streams that begin, with a task of a pool or refused unseen, and those that lose their client."""

from collections.abc import Callable, Iterable
from functools import partial
from math import inf

import trio

from trio_worker.http.intake import make_intake
from trio_worker.http.unseen import note
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.exchange import StreamExchange
from trio_worker.protocols.http2.rules import Asked, find_fault
from trio_worker.protocols.http2.tunnel import Tunnel
from trio_worker.protocols.rules import expects_continue
from trio_worker.refusal import Refusal, text_headers
from trio_worker.transport.deadlines import Clock
from trio_worker.transport.lingering import PATIENCE
from trio_worker.transport.turns import Turns

# One that is open.
Stream = StreamExchange | Tunnel

# Those whose apps hear between two turns of the loop that their client has gone.
AT_ONCE = 4


def refuse(connection: Carrier, exchange: StreamExchange, refusal: Refusal, over: bool) -> None:
    """Answer what no app has seen; the stream is open until its client has the answer, or is late.

    Args:
        connection: that the stream is on.
        exchange: of the stream.
        refusal: what to say.
        over: whether the client sends nothing more on the stream.
    """
    marks = note(connection.service, "a request", connection.wire.client, refusal, exchange.headers)
    fields = [(b":status", b"%d" % refusal.status), *text_headers(refusal.body), *marks]
    try:
        connection.session.respond(exchange.stream, fields, end=False)
        connection.session.send(exchange.stream, refusal.body, end=True)
    except OSError:
        return  # The client's reset has been read together with its request, and is about to be acted upon.
    exchange.complete = True
    connection.streams[exchange.stream] = exchange
    exchange.await_client()
    if not over:
        connection.part(exchange.stream, is_fault=False)


def begin(connection: Carrier, number: int, asked: Asked, over: bool) -> Stream | None:
    """Return a new stream, or refuse it.

    Args:
        connection: that the stream is on.
        number: of the stream.
        asked: the request.
        over: whether the client sends nothing more on the stream.
    """
    options = connection.service.options
    exchange = StreamExchange(connection, number, asked.method, asked.target, asked.headers)
    exchange.body_complete = over or bool(asked.protocol)
    exchange.expects_continue = expects_continue(asked.headers)
    refusal = find_fault(asked, options.limit_post, options.buffer_size)
    if refusal is not None:
        refuse(connection, exchange, refusal, over)
        return None
    if asked.protocol:
        return Tunnel(connection, exchange)
    if not over:
        exchange.intake = make_intake(options)
    return exchange


async def lose_all(streams: Iterable[Stream], turns: Turns) -> None:
    """Tell streams that their client has gone.

    First those that no task has begun with, at once; the others a few at a time, because their apps do something.
    """
    for number, stream in enumerate(sorted(streams, key=lambda stream: stream.has_begun)):
        if stream.has_begun and not number % AT_ONCE:
            with trio.move_on_after(PATIENCE, shield=True):
                await turns.pause()
        stream.lose()


def drain_all(connection: Carrier) -> None:
    """Have WebSockets close by 1012, a few at a time; a request that has begun is served."""
    for stream in list(connection.streams.values()):
        if isinstance(stream, Tunnel):
            connection.service.turns.soon(stream.start_drain)


def stop_all(connection: Carrier, then: Callable[[], object]) -> None:
    """End what is in flight, a few at a time, because the apps do something; nothing begins meanwhile.

    Args:
        connection: that the streams are on.
        then: is called behind them.
    """
    connection.ending = True
    for stream in list(connection.streams.values()):
        connection.service.turns.soon(stream.stop)
    connection.service.turns.soon(then)


def expire_late(streams: dict[int, Stream], clock: Clock, turns: Turns) -> float:
    """Have those whose time is over act on it, a few at a time: there may be hundreds, and they wake their apps.

    Args:
        streams: that are open, by their numbers.
        clock: of their deadlines.
        turns: tell when each of them acts.

    Returns:
        The first deadline of the others.
    """
    now = clock.now
    for number in [number for number, stream in streams.items() if stream.deadline <= now]:
        turns.soon(partial(_expire, streams, number, clock))
    return min((each.deadline for each in streams.values() if each.deadline > now), default=inf)


def _expire(streams: dict[int, Stream], number: int, clock: Clock) -> None:
    """Have a stream act on its deadline, unless it has gone on or ended meanwhile."""
    stream = streams.get(number)
    if stream is not None and stream.deadline <= clock.now:
        stream.expire()
