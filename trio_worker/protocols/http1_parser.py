"""From bytes to exchanges: llhttp's callbacks for one HTTP/1.1 connection.

What came of a piece of data stands in four attributes: requests in `queue`, in order; `refusal`, when what follows
cannot be served; `upgrade`, when another protocol goes on from there; `in_head`, when a request has begun and its
head is not complete.
"""

import httptools

from trio_worker.exchange import Exchange, Headers, Source
from trio_worker.protocols.http1_rules import (
    HEAD_LIMIT,
    Head,
    Refusal,
    check,
    check_size,
    from_parser,
    replay,
    wants_upgrade,
)


class RequestParser:
    """The parser of one connection.

    Args:
        source: what the exchanges belong to.

    Attributes:
        queue: exchanges whose head is complete; the body of the last one may be on its way still.
        refusal: why the next request cannot be served.
        upgrade: the bytes with which another protocol begins.
        in_head: whether a request has begun whose head is not complete.
    """

    __slots__ = (
        "_fed",
        "_headers",
        "_incoming",
        "_parser",
        "_source",
        "_target",
        "in_head",
        "queue",
        "refusal",
        "upgrade",
    )

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parser = httptools.HttpRequestParser(self)
        self._fed = 0
        self._target = b""
        self._headers: Headers = []
        self._incoming: Exchange | None = None
        self.queue: list[Exchange] = []
        self.refusal: Refusal | None = None
        self.upgrade: bytes | None = None
        self.in_head = False

    @property
    def stopped(self) -> bool:
        """Whether nothing after the queue will come out of this parser."""
        return self.refusal is not None or self.upgrade is not None

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the connection."""
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._failed(error)
        if self.in_head and self._fed > HEAD_LIMIT:
            self._check_unfinished()

    def _failed(self, error: httptools.HttpParserError) -> None:
        last = self._incoming
        if last is not None and last.body_complete and not last.keep_alive and not self.in_head:
            return  # Behind a request that says `Connection: close` there is nothing to parse.
        self.refusal = self.refusal or from_parser(error)

    def _upgraded(self, rest: bytes) -> None:
        """llhttp stops behind a request with an Upgrade: hand over there, or go on as if it had none."""
        asked = self.queue.pop()
        head = Head(asked.method, asked.target, asked.version, asked.headers)
        if wants_upgrade(head):
            self.upgrade = replay(head) + rest
        else:
            self._parser = httptools.HttpRequestParser(self)
            self.feed(replay(head, without=b"upgrade") + rest)

    def _check_unfinished(self) -> None:
        options = self._source.service.options
        if self._fed > max(HEAD_LIMIT, options.buffer_size) and self.refusal is None:
            # llhttp keeps the unfinished line to itself, so the sizes known here may be too small.
            self.refusal = check_size(self._target, [(b"", bytes(self._fed))], options.buffer_size)

    # The callbacks; their names are httptools'.

    def on_message_begin(self) -> None:
        self.in_head = True
        self._target = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # Otherwise it is a trailer, which ASGI has no place for.
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, options = self._parser, self._source.service.options
        head = Head(parser.get_method().decode(), self._target, parser.get_http_version(), self._headers)
        names = [name for name, _ in head.headers]
        self.refusal = check(head, names, options.limit_post)
        if self._fed > HEAD_LIMIT and self.refusal is None:
            self.refusal = check_size(head.target, head.headers, options.buffer_size)
        if self.refusal is not None:
            raise ValueError(self.refusal.reason)  # Ends the parsing.
        exchange = Exchange(self._source, *head, parser.should_keep_alive())
        if b"expect" in names and head.version == "1.1":
            exchange.expects_continue = (b"expect", b"100-continue") in head.headers
        self._incoming = exchange
        self.queue.append(exchange)
        self.in_head = False
        self._fed = 0

    def on_body(self, body: bytes) -> None:
        assert self._incoming is not None
        self._incoming.body.append(body)

    def on_message_complete(self) -> None:
        assert self._incoming is not None
        self._incoming.body_complete = True
