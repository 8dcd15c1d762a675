"""From bytes to exchanges: llhttp's callbacks for one HTTP/1.1 connection.

What came of a piece of data stands in four attributes: requests in `queue`, in order; `refusal`, when what follows
cannot be served; `upgrade`, when another protocol goes on from there; `in_head`, when a request has begun and its
head is not complete.
"""

import httptools

from trio_worker.asgi import Headers
from trio_worker.http.exchange import Exchange, Source
from trio_worker.http.intake import Chunk
from trio_worker.protocols.http1.plain_head import learn
from trio_worker.protocols.http1.rules import from_parser, is_usual, is_websocket, replay, wants_upgrade
from trio_worker.protocols.request_connection import SLICE
from trio_worker.protocols.rules import (
    FIELD_LIMIT,
    TARGET_LIMIT,
    TOO_MANY_FIELDS,
    Head,
    check,
    check_size,
    expects_continue,
    in_origin_form,
)
from trio_worker.refusal import NO_WEBSOCKETS, Refusal

_EMPTY_LINE = b"\r\n\r\n"

# A byte that no request line begins with, for one that begins where none was expected.
_UNKNOWN = b"\0"


class RequestParser:
    """The parser of one connection.

    Args:
        source: what the exchanges belong to.

    Attributes:
        queue: exchanges whose head is complete; the body of the last one may be on its way still.
        refusal: why the next request cannot be served.
        upgrade: the request with which another protocol begins, and the bytes behind its head.
        in_head: whether a request has begun whose head is not complete.
    """

    __slots__ = (
        "_before",
        "_begun",
        "_chunk",
        "_first",
        "_headers",
        "_incoming",
        "_is_between",
        "_left",
        "_parser",
        "_piece",
        "_size",
        "_source",
        "_target",
        "_unheeded",
        "in_head",
        "queue",
        "refusal",
        "upgrade",
    )

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parser: httptools.HttpRequestParser | None = None
        # Of the head that is on its way, in bytes: at most what has come, and how much of that was in the first read.
        self._size = self._first = 0
        self._target = b""
        self._headers: Headers = []
        # The bytes that are being parsed; and all that have come of a request, until its first header has.
        self._piece = self._begun = b""
        # True while a request may begin with the first byte of the piece.
        self._is_between = False
        # How many bytes of an announced body are still to come, and up to three bytes before what comes elsewhere.
        self._left, self._before = 0, b""
        # The headers of a request whose Upgrade is not followed, while it is parsed again without it.
        self._unheeded: Headers | None = None
        self._incoming: Exchange | None = None
        # Made with the first chunk that the ini has a limit for.
        self._chunk: Chunk | None = None
        self.queue: list[Exchange] = []
        self.refusal: Refusal | None = None
        self.upgrade: tuple[Exchange, bytes] | None = None
        self.in_head = False

    @property
    def stopped(self) -> bool:
        """Return True if nothing after the queue will come out of this parser."""
        return self.refusal is not None or self.upgrade is not None

    @property
    def headers(self) -> Headers:
        """The headers of the head that was read last, as far as it has come."""
        return self._headers

    def rest(self) -> None:
        """Between two requests: keep nothing of the last one, nor the parser, until more comes."""
        self._parser = None
        self._incoming = None
        self._headers = []

    def release(self) -> None:
        """Let go of llhttp and of the connection, which both know this parser."""
        self.rest()
        del self._source

    def feed_some(self, data: bytes) -> bytes:
        """Parse a slice, with as much as has come of the announced body that begins in it; return what is behind."""
        self.feed(data[:SLICE])
        rest = data[SLICE:]
        if rest and self._left and not self.stopped:
            missing = self._left
            self.feed(rest[:missing])
            return rest[missing:]
        return rest

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the connection."""
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        while data:
            piece = data[: self._left] if self._left else self._cut(data)
            data = data[len(piece) :]
            try:
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._upgraded(piece[upgrade.args[0] :] + data)
            except httptools.HttpParserError as error:
                self._failed(error)
                break
        self._piece = b""
        if self.in_head and self._size > TARGET_LIMIT and self.refusal is None:
            self._check_unfinished()

    def _cut(self, data: bytes) -> bytes:
        """Return what is parsed at a time, so that no request begins in it but with the first byte.

        A head ends with an empty line, and so does a body in chunks; llhttp takes no other line breaks.
        """
        before, self._before = self._before, b""
        if before and (end := (before + data[:3]).find(_EMPTY_LINE)) >= 0:
            data = data[: end + 4 - len(before)]
        elif (end := data.find(_EMPTY_LINE)) >= 0:
            data = data[: end + 4]
        else:
            self._before = (before + data[-3:])[-3:]
        self._piece = data
        if not self.in_head:
            self._is_between = self._incoming is None or self._incoming.body_complete
            return data
        self._size += len(data)
        if not self._headers:
            self._begun += data
        return data

    def _failed(self, error: httptools.HttpParserError) -> None:
        last = self._incoming
        if last is not None and last.body_complete and not last.keep_alive and not self.in_head:
            return  # Behind a request that says `Connection: close` there is nothing to parse.
        self.refusal = self.refusal or from_parser(error)

    def _upgraded(self, rest: bytes) -> bytes:
        """llhttp stops at the head of a request with an Upgrade: hand over there, or go on as if it had none.

        Returns:
            What is to be parsed again.
        """
        asked = self.queue.pop()
        head = Head(asked.method, asked.target, asked.version, asked.headers)
        source = self._source
        if wants_upgrade(head, source.service.options.h2c_upgrade and source.wire.scheme == "http"):
            if is_websocket(asked.headers) and not source.service.websockets:
                self.refusal = NO_WEBSOCKETS
            else:
                self.upgrade = asked, rest
            return b""
        self._parser = httptools.HttpRequestParser(self)
        self._unheeded = asked.headers
        return replay(head, without=b"upgrade") + rest

    def _check_unfinished(self) -> None:
        """llhttp keeps the unfinished line to itself; what came after the first read is of the head for certain."""
        options = self._source.service.options
        unfinished = (b"", bytes(self._size - self._first))
        self.refusal = check_size(self._target, self._headers, options.buffer_size)
        self.refusal = self.refusal or check_size(b"", [unfinished], options.buffer_size)

    # The callbacks; their names are httptools'.

    def on_message_begin(self) -> None:
        self.in_head = True
        self._begun = self._piece if self._is_between else _UNKNOWN
        self._is_between = False
        self._size = self._first = len(self._piece)
        self._target = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # Otherwise it is a trailer, which ASGI has no place for.
            lower = name.lower()
            learn(name, lower)
            self._headers.append((lower, value.rstrip(b" \t")))
            if len(self._headers) > FIELD_LIMIT:
                self.refusal = TOO_MANY_FIELDS
                raise ValueError(self.refusal.reason)

    def on_headers_complete(self) -> None:
        parser, options = self._parser, self._source.service.options
        assert parser is not None
        if self._unheeded is not None:
            self._headers, self._unheeded = self._unheeded, None
        method, version, given = parser.get_method().decode(), parser.get_http_version(), dict(self._headers)
        head = (method, self._target, version, self._headers)
        self._check_line(method, version)
        if self._size > TARGET_LIMIT or options.limit_post or not is_usual(*head, given):
            head = self._check(Head(*head))
        exchange = Exchange(self._source, *head, parser.should_keep_alive())
        if b"expect" in given and version == "1.1":
            exchange.expects_continue = expects_continue(exchange.headers)
        if b"content-length" in given:
            self._left = int(given[b"content-length"].lstrip(b"0") or 0)  # Python reads no thousands of digits.
        self._incoming = exchange
        self.queue.append(exchange)
        self.in_head = False

    def _check_line(self, method: str, version: str) -> None:
        """Refuse more blanks than two, and RTSP, which llhttp reads as well; what it raises ends the parsing."""
        line = b"%b %b HTTP/" % (method.encode(), self._target)
        # Line breaks may stand before it (RFC 9112 section 2.2).
        if not self._begun.lstrip(b"\r\n").startswith(line) and version != "0.9":
            self.refusal = Refusal(400, "A request line is METHOD TARGET HTTP/1.1, with single blanks (RFC 9112).")
            raise ValueError(self.refusal.reason)
        self._begun = b""

    def _check(self, head: Head) -> Head:
        """Hold a head against all rules; what it raises ends the parsing."""
        options = self._source.service.options
        self.refusal = check(head, [name for name, _ in head.headers], options.limit_post)
        if self._size > TARGET_LIMIT and self.refusal is None:
            self.refusal = check_size(head.target, head.headers, options.buffer_size)
        if self.refusal is not None:
            raise ValueError(self.refusal.reason)
        return head if head.target.startswith(b"/") else in_origin_form(head)

    def on_chunk_header(self) -> None:
        limit = self._source.service.options.chunked_input_limit
        if limit:
            self._chunk = self._chunk or Chunk(limit)
            self._chunk.begin()

    def on_body(self, body: bytes) -> None:
        assert self._incoming is not None
        if self._left:
            self._left -= len(body)
        if self._chunk is not None:
            self.refusal = self._chunk.add(len(body))
            if self.refusal is not None:
                raise ValueError(self.refusal.reason)
        self._incoming.body.append(body)

    def on_message_complete(self) -> None:
        assert self._incoming is not None
        self._incoming.body_complete = True
        self._left = 0
        self._chunk = None
