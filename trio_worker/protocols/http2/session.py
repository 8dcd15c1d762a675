"""The state of one HTTP/2 connection, kept by libnghttp2 through ngh2 (RFC 9113).

This is the only place that knows ngh2. What the library bounds, it bounds by what is set here.
"""

import contextlib
from collections.abc import Iterable, Sequence
from errno import EPIPE

from ngh2 import Connection, DenialOfServiceError, ErrorCode, NGH2Error
from ngh2 import events as of
from ngh2.config import Configuration, Role

from trio_worker.asgi import Headers
from trio_worker.http.app_rules import LARGEST

# Streams that a client may have open at a time, bytes of the bodies that may wait for their apps on one stream and on
# all of a connection, and bytes of the fields of a head.
STREAMS = 100
STREAM_WINDOW = 65535
CONNECTION_WINDOW = 1 << 20
HEAD_SIZE = 65536

# The room that a client gives to bodies before it says so (RFC 9113 section 6.9.2).
FIRST_WINDOW = 65535

# Bytes of the fields of an answer, by the library's estimate: 12 more than its bytes for each, of which the rules for
# apps allow LARGEST, in lines of five bytes or more.
ANSWER_SIZE = LARGEST // 5 * (5 + 12)

# The library's own bounds of resets and other odd frames, at once and then in a second; flood.py says goodbye before.
RESETS = (2000, 200)
GLITCHES = (1000, 100)

# RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1.
_SETTINGS = {0x3: STREAMS, 0x4: STREAM_WINDOW, 0x6: HEAD_SIZE, 0x8: 1, 0x9: 1}
_WITHOUT_WEBSOCKETS = {key: value for key, value in _SETTINGS.items() if key != 0x8}

_CONFIGURATION = Configuration(
    auto_window_update=False,
    stream_reset_rate_limit=RESETS,
    glitch_rate_limit=GLITCHES,
    max_inbound_header_list_size=HEAD_SIZE,
    max_inbound_header_count=256,
    max_send_header_block_length=ANSWER_SIZE,
)

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR = ErrorCode.NO_ERROR, ErrorCode.PROTOCOL_ERROR, ErrorCode.INTERNAL_ERROR
REFUSED_STREAM, ENHANCE_YOUR_CALM = ErrorCode.REFUSED_STREAM, ErrorCode.ENHANCE_YOUR_CALM

Error, Flood = NGH2Error, DenialOfServiceError

Requested = of.RequestReceived
Data = of.DataReceived
Trailers = of.TrailersReceived
Reset = of.StreamReset
StreamClosed = of.StreamClosed
Closed = of.ConnectionClosed
PriorityUpdate = of.PriorityUpdateReceived
GoAway = of.GoAwayReceived

# The answer to an upgrade (RFC 7540 section 3.2).
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

# Frames that ask for nothing and bring nothing: too many of them are a flood.
CONTROL = (of.PingReceived, of.SettingsReceived, PriorityUpdate)


def are_settings(payload: bytes) -> bool:
    """Return True for the payload of a valid SETTINGS frame, as an upgrade brings it (RFC 7540 section 3.2.1)."""
    try:
        Connection(Role.SERVER, _CONFIGURATION).initiate_upgrade(payload)
    except (ValueError, Error):
        return False
    entries = [payload[at : at + 6] for at in range(0, len(payload), 6)]
    # ENABLE_PUSH is 0 or 1 (RFC 9113 section 6.5.2); the library takes this one unseen.
    return all(int.from_bytes(each[2:], "big") < 2 for each in entries if each[:2] == b"\0\2")


def fields_of(event: of.RequestReceived) -> Headers:
    """Return the fields of a request; those that are never to be indexed come as subclasses of pairs."""
    return list(event.headers)


def goodbye(last_stream: int) -> bytes:
    """Return the GOAWAY of a session whose library has given up on a flood, and says nothing more."""
    code = ErrorCode.ENHANCE_YOUR_CALM
    return b"\0\0\x08\x07\0\0\0\0\0" + last_stream.to_bytes(4, "big") + code.to_bytes(4, "big")


class Session:
    """The protocol's side of a connection. Its methods do nothing for a stream that is closed already.

    Attributes:
        last_stream: the highest number of a stream that has begun.
        bodies: how many bytes of bodies were in what was received last.
    """

    def __init__(self, websockets: bool = True) -> None:
        self._settings = _SETTINGS if websockets else _WITHOUT_WEBSOCKETS
        self._connection = Connection(Role.SERVER, _CONFIGURATION)
        self.bodies = 0
        self.last_stream = 0
        # The room that the client has given to bodies so far, and whether the library tells it no more.
        self._given = FIRST_WINDOW
        self._is_leaving = False

    def begin(self) -> None:
        """Say what is allowed here, in the first frames."""
        self._connection.initiate_connection(self._settings)
        self._connection.set_local_window_size(CONNECTION_WINDOW)

    def begin_upgraded(self, settings: bytes, head: bool) -> None:
        """Begin behind an HTTP/1.1 request that is answered on stream 1 (RFC 7540 section 3.2).

        Args:
            settings: the payload of HTTP2-Settings.
            head: whether the request's method is HEAD.
        """
        self._connection.initiate_upgrade(settings, local_settings=self._settings, head_request=head)
        self._connection.set_local_window_size(CONNECTION_WINDOW)
        self.last_stream = 1

    def receive(self, data: bytes) -> Sequence[of.Event]:
        """Take bytes of the client, and return what they mean.

        Raises:
            Error: they break the protocol beyond what the library answers by itself.
        """
        connection = self._connection
        room = connection.local_window_size
        before = 0 if self._is_leaving else connection.remote_window_size
        connection.receive_data(data)
        if not self._is_leaving:
            try:
                self._given += connection.remote_window_size - before
            except Error:
                self._is_leaving = True
        # A body on its way to a stream that was answered early makes no event, but takes room in the window. Where
        # that opens again, half of it has been used for bodies since the last time.
        used = room - connection.local_window_size
        self.bodies = used if used >= 0 else len(data)
        return connection.events()

    def events(self) -> Sequence[of.Event]:
        """Return what writing has brought about."""
        return self._connection.events()

    def output(self, size: int) -> bytes:
        """Return up to so many bytes that can be sent now."""
        return self._connection.data_to_send(size)

    def respond(self, stream: int, fields: Sequence[tuple[bytes, bytes]], end: bool) -> None:
        """Send the head of a response. Raises OSError where the stream is closed, as do the other four."""
        try:
            self._connection.send_response(stream, fields, end_stream=end)
        except Error as error:
            raise _ended(error) from error

    def answer(self, stream: int, fields: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole response in one step."""
        try:
            if body:
                self._connection.send_response(stream, fields)
                self._connection.send_data(stream, body, end_stream=True)
            else:
                self._connection.send_response(stream, fields, end_stream=True)
        except Error as error:
            raise _ended(error) from error

    def inform(self, stream: int, fields: Headers) -> None:
        """Send an informational response."""
        try:
            self._connection.send_informational_response(stream, fields)
        except Error as error:
            raise _ended(error) from error

    def send(self, stream: int, data: bytes | memoryview, end: bool) -> None:
        """Send a piece of a body."""
        try:
            self._connection.send_data(stream, data, end_stream=end)
        except Error as error:
            raise _ended(error) from error

    def send_trailers(self, stream: int, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Send trailers, which end the stream."""
        try:
            self._connection.send_trailers(stream, fields)
        except Error as error:
            raise _ended(error) from error

    def queued(self, stream: int) -> int:
        """Return how many bytes of a body wait for the client's window."""
        return self._connection.queued_body_size(stream)

    def bodies_sent(self, otherwise: int) -> int:
        """Return how many bytes of bodies have left, by the room that the client has given.

        Args:
            otherwise: what is returned behind a GOAWAY of ours, where the library does not tell.
        """
        try:
            return otherwise if self._is_leaving else self._given - self._connection.remote_window_size
        except Error:
            return otherwise

    def has_window(self, stream: int) -> bool:
        """Return True unless the client takes nothing more of this stream, whatever it takes of others."""
        try:
            return bool(self._connection.stream_remote_window_size(stream) > 0)
        except Error:
            return True  # It has its end, of which the connection will hear.

    def consumed(self, stream: int, size: int) -> None:
        """Let the client send as many bytes more: an app has taken them, or nobody will."""
        with contextlib.suppress(Error):
            self._connection.acknowledge_received_data(size, stream)

    def reset(self, stream: int, code: int) -> None:
        """End a stream."""
        with contextlib.suppress(Error):
            self._connection.reset_stream(stream, code)

    def announce_end(self) -> None:
        """Ask for no new streams, and go on taking those that are on their way (RFC 9113 section 6.8)."""
        with contextlib.suppress(Error):
            self._connection.send_shutdown_notice()

    def go_away(self, code: int = NO_ERROR) -> None:
        """Take no stream that comes from here on."""
        self._is_leaving = True
        with contextlib.suppress(Error):
            self._connection.send_goaway(code, last_stream_id=self.last_stream)


def _ended(error: NGH2Error) -> OSError:
    """Return the error of an app that writes to a stream which has ended."""
    return BrokenPipeError(EPIPE, f"the stream has ended: {error}")
