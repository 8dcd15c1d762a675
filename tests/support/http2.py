"""An HTTP/2 client on the h2 library: by prior knowledge or by upgrade; and WebSocket on its streams."""

from collections.abc import Callable
from typing import Self, TypeVar

import h2.connection
import h2.events
import h2.settings
from hyperframe.frame import Frame, GoAwayFrame
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType
from wsproto.events import Event as FrameEvent

from support.http1 import Target, connect

E = TypeVar("E", bound=h2.events.Event)


class Lasting(h2.connection.H2Connection):
    """A GOAWAY only forbids new streams (RFC 9113 section 6.8); h2 takes it for the end of all of them."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


class Http2:
    """One connection. Reading collects events; `wait` takes the first that fits."""

    def __init__(self, target: Target) -> None:
        self.socket = connect(target)
        self.connection = Lasting()
        self.events: list[h2.events.Event] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def begin(self) -> Self:
        """By prior knowledge (RFC 9113 section 3.3)."""
        self.connection.initiate_connection()
        self.flush()
        return self

    def upgrade(self, path: str = "/") -> Self:
        """By `Upgrade: h2c` (RFC 7540 section 3.2); the request becomes stream 1."""
        settings = self.connection.initiate_upgrade_connection()
        assert settings is not None
        head = f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        self.socket.sendall(f"{head}HTTP2-Settings: {settings.decode()}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, answer
            answer += byte
        assert answer.startswith(b"HTTP/1.1 101"), answer
        self.flush()
        return self

    def flush(self) -> None:
        self.socket.sendall(self.connection.data_to_send())

    def request(self, path: str = "/", method: str = "GET", body: bytes | None = None, **more: str) -> int:
        """Open a stream with a request and more headers; returns its number."""
        stream: int = self.connection.get_next_available_stream_id()
        headers = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "test")]
        headers += [(name.replace("_", "-"), value) for name, value in more.items()]
        self.connection.send_headers(stream, headers, end_stream=body is None)
        if body is not None:
            self.connection.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def read(self) -> None:
        """Read once; an end of the connection is kept in `closed`."""
        data = self.socket.recv(65536)
        if not data:
            self.closed = True
        for event in self.connection.receive_data(data) if data else []:
            if isinstance(event, h2.events.DataReceived):
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.events.append(event)
        self.flush()

    def wait(self, kind: type[E], fits: Callable[[E], bool] = lambda event: True) -> E:
        """The first event of a kind that fits, read or still to be read.

        Raises:
            ConnectionError: the server closed the connection instead.
        """
        while True:
            for event in self.events:
                if isinstance(event, kind) and fits(event):
                    return event
            if self.closed:
                raise ConnectionResetError(f"closed after {self.events}")
            self.read()

    def response(self, stream: int) -> tuple[int, bytes]:
        """Status and body of a stream's response, when it has ended."""
        self.wait(h2.events.StreamEnded, lambda event: event.stream_id == stream)
        head = self.wait(h2.events.ResponseReceived, lambda event: event.stream_id == stream)
        return int(dict(head.headers)[b":status"]), self.body(stream)

    def body(self, stream: int) -> bytes:
        """What has come of a stream's body."""
        found = [each for each in self.events if isinstance(each, h2.events.DataReceived)]
        return b"".join(each.data for each in found if each.stream_id == stream)

    def read_to_end(self) -> None:
        """Read until the server closes the connection."""
        while not self.closed:
            self.read()


class Http2WebSocket:
    """A WebSocket session on a stream of its own (RFC 8441)."""

    def __init__(self, client: Http2, path: str) -> None:
        client.wait(h2.events.RemoteSettingsChanged)
        settings = client.connection.remote_settings
        assert settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1
        self.client = client
        self.stream: int = client.connection.get_next_available_stream_id()
        headers = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", path), (":scheme", "http")]
        headers += [(":authority", "test"), ("sec-websocket-version", "13")]
        client.connection.send_headers(self.stream, headers)
        client.flush()
        head = client.wait(h2.events.ResponseReceived, lambda event: event.stream_id == self.stream)
        self.status = int(dict(head.headers)[b":status"])
        self._frames = Frames(ConnectionType.CLIENT)
        self._taken = 0

    def send(self, event: FrameEvent) -> None:
        """Send a message or a close."""
        self.client.connection.send_data(self.stream, self._frames.send(event))
        self.client.flush()

    def receive(self) -> FrameEvent:
        """The next message or close."""
        while True:
            data = self.client.body(self.stream)[self._taken :]
            self._taken += len(data)
            if data:
                self._frames.receive_data(data)
            for event in self._frames.events():
                return event
            if not data:
                assert not self.client.closed
                self.client.read()
