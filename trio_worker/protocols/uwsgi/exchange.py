"""The exchange of a request that came in a uwsgi packet: its scope, its body, and the head of its response."""

import httptools

from trio_worker.asgi import RUNNING, Scope
from trio_worker.http.exchange import ASGI, EXTENSIONS, Exchange, Source
from trio_worker.http.response import NONE
from trio_worker.http.response_head import Prepared
from trio_worker.protocols.uwsgi.request import PacketRequest

# A head for the parser of chunked bodies: a body is all that it gets to see of a request.
_CHUNKED_HEAD = b"POST / HTTP/1.1\r\nHost: -\r\nTransfer-Encoding: chunked\r\n\r\n"


class PacketExchange(Exchange):
    """One request with its response.

    Args:
        source: the connection.
        request: from the packet.

    Attributes:
        request: see above.
        malformed: whether the chunks of its body cannot be read.
    """

    may_chunk = False
    protocol = "uwsgi"

    def __init__(self, source: Source, request: PacketRequest) -> None:
        super().__init__(source, request.method, request.target, request.version, request.headers, False)
        self.request = request
        self.malformed = False
        self._left = request.length or 0
        self._chunks: httptools.HttpRequestParser | None = None
        if request.length is None:
            self._chunks = httptools.HttpRequestParser(_Chunks(self))
            self._chunks.feed_data(_CHUNKED_HEAD)
        else:
            self.body_complete = not request.length

    def _make_scope(self) -> Scope:
        """Return the ASGI scope of this request (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
        request, wire = self.request, self.wire
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": self.version,
            "method": request.method,
            "scheme": wire.scheme,
            "path": request.path,
            "raw_path": request.raw_path,
            "query_string": request.query,
            "root_path": wire.root_path,
            "headers": self.headers,
            "client": wire.client,
            "server": wire.server,
            "state": self.service.state.copy(),
            # Fronts take an early hint for the answer, and chunks for the body: neither is offered.
            "extensions": {**EXTENSIONS, **wire.extensions, RUNNING: self},
        }

    def feed(self, data: bytes) -> None:
        """Take the next bytes behind the packet; what is behind the body has no meaning."""
        if self._chunks is None:
            piece = data if len(data) <= self._left else data[: self._left]
            self._left -= len(piece)
            self.body.append(piece)
            self.body_complete = not self._left
        elif not self.body_complete:
            try:
                self._chunks.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self.malformed = not self.body_complete

    def _take_head(self, head: Prepared, framing: bytes) -> bytes:
        """Return the head without a word on the connection, unless a router would wait for a body that cannot come.

        uWSGI's http router takes `Connection: close` for its client's connection. Without it, and without a length,
        it would put a chunk behind a response that has no body (`http-auto-chunked`).
        """
        self.begun = True
        self._head = None
        if self._framing is NONE and head.length < 0:
            framing += b"connection: close\r\n"
        lines = self.service.heads.write(head, framing)
        self.service.counters.heads_out += len(lines)
        return lines


class _Chunks:
    """llhttp's callbacks for a chunked body (RFC 9112 section 7.1)."""

    def __init__(self, exchange: PacketExchange) -> None:
        self._exchange = exchange

    def on_body(self, body: bytes) -> None:
        if not self._exchange.body_complete:  # Bytes behind the body may look like another request.
            self._exchange.body.append(body)

    def on_message_complete(self) -> None:
        self._exchange.body_complete = True
