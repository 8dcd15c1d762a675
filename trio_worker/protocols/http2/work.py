"""The work for one stream: its app is run in a task of the pool, or it is refused unseen."""

import logging

from trio_worker.http.intake import make_intake
from trio_worker.protocols.http1.rules import expects_continue
from trio_worker.protocols.http2.carrier import Carrier
from trio_worker.protocols.http2.exchange import StreamExchange
from trio_worker.protocols.http2.rules import Asked, find_fault
from trio_worker.protocols.http2.tunnel import Tunnel
from trio_worker.refusal import Refusal, text_headers
from trio_worker.transport.connections import CLOSE, Outcome, Work

log = logging.getLogger(__name__)

# One that is open.
Stream = StreamExchange | Tunnel


class StreamWork(Work):
    """The run of an app for one stream.

    Args:
        exchange: of the stream.
    """

    __slots__ = ("_exchange",)

    def __init__(self, exchange: StreamExchange) -> None:
        self._exchange = exchange

    async def serve(self) -> Outcome:
        """Run the app, and end the stream with it."""
        exchange = self._exchange
        exchange.begin(self.cancel_scope)
        try:
            if exchange.refusal is not None:
                exchange.cancel()  # Too much of a body has come together with its head.
            await exchange.service.application.run(exchange)
        finally:
            self._finish()
        return CLOSE

    def _finish(self) -> None:
        exchange, connection = self._exchange, self._exchange.connection
        if exchange.body:
            connection.consumed(exchange.stream, sum(map(len, exchange.body)))
        if not exchange.complete:
            if not (exchange.gone or exchange.failed or exchange.refusal):
                log.error("the app ended before its response to %s was complete", exchange.target.decode("latin-1"))
            connection.reset(exchange.stream, is_fault=True)
        elif not exchange.body_complete:
            connection.flush()  # A reset would overtake the answer.
            connection.reset(exchange.stream, is_fault=False)
        elif connection.session.queued(exchange.stream):
            connection.set_deadline(exchange, exchange.service.options.write_timeout)
        connection.ran()


def refuse(connection: Carrier, exchange: StreamExchange, refusal: Refusal, over: bool) -> None:
    """Answer what no app has seen.

    Args:
        connection: that the stream is on.
        exchange: of the stream.
        refusal: what to say.
        over: whether the client sends nothing more on the stream.
    """
    connection.service.counters.add_refusal(refusal.status)
    log.info("refused a request from %s: %d %s", connection.wire.client, refusal.status, refusal.reason)
    fields = [(b":status", b"%d" % refusal.status), *text_headers(refusal.body)]
    connection.session.respond(exchange.stream, fields, end=False)
    connection.session.send(exchange.stream, refusal.body, end=True)
    if not over:
        connection.flush()  # A reset would overtake the answer.
        connection.reset(exchange.stream, is_fault=False)


def begin_plain(connection: Carrier, number: int, asked: Asked) -> tuple[StreamExchange, StreamWork]:
    """Return the stream of a plain request (see `rules.read_plain`) and the work for it."""
    exchange = StreamExchange(connection, number, asked)
    exchange.body_complete = True
    return exchange, StreamWork(exchange)


def begin(connection: Carrier, number: int, asked: Asked, over: bool) -> tuple[Stream | None, Work | None]:
    """Return a new stream and the work for it, or refuse it.

    Args:
        connection: that the stream is on.
        number: of the stream.
        asked: the request.
        over: whether the client sends nothing more on the stream.
    """
    options = connection.service.options
    exchange = StreamExchange(connection, number, asked)
    exchange.body_complete = over or bool(asked.protocol)
    exchange.expects_continue = expects_continue(asked.headers)
    refusal = find_fault(asked, options.limit_post, options.buffer_size)
    if refusal is not None:
        refuse(connection, exchange, refusal, over)
        return None, None
    if asked.protocol:
        tunnel = Tunnel(connection, exchange)
        return tunnel, tunnel.work
    if not over:
        exchange.intake = make_intake(options)
    return exchange, StreamWork(exchange)
