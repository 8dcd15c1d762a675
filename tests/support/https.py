"""The HTTP clients over TLS."""

import ssl

import h2.events

from support.http1 import Http1, Target
from support.http2 import Http2


class Https(Http1):
    """`Http1` over TLS."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.socket = sock
        self._file = sock.makefile("rb")


class Https2(Http2):
    """`Http2` over TLS."""

    def __init__(self, target: Target, context: ssl.SSLContext) -> None:
        super().__init__(target)
        self.socket = tls = context.wrap_socket(self.socket)
        assert tls.selected_alpn_protocol() == "h2"
        self.begin()

    @property
    def is_leaving(self) -> bool:
        """Whether the server has said GOAWAY."""
        return any(isinstance(event, h2.events.ConnectionTerminated) for event in self.events)
