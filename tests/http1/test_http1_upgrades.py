"""From the express lane to another protocol on the same connection, with no byte lost on the way."""

from collections.abc import Iterator

import h2.connection
import h2.events
import pytest
from support.behaviour import GET
from support.http1 import Http1
from support.uwsgi import Server, Servers
from wsproto import ConnectionType
from wsproto.connection import Connection as Frames
from wsproto.events import CloseConnection, Event, TextMessage

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Client(Http1):
    """A client that can also read what is no HTTP/1.1."""

    def some(self) -> bytes:
        """What comes next, b"" at the end."""
        return self._file.read1(65536)


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app", trio_h2c_upgrade=True)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address) as client:
        yield client


class WebSocket:
    """The frames behind a handshake."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._frames = Frames(ConnectionType.CLIENT)

    def bytes_of(self, text: str) -> bytes:
        return self._frames.send(TextMessage(data=text))

    def receive(self) -> Event:
        while True:
            for event in self._frames.events():
                return event
            data = self._client.some()
            assert data
            self._frames.receive_data(data)

    def echo(self, text: str) -> None:
        self._client.send(self.bytes_of(text))
        self.expect(text)

    def expect(self, text: str) -> None:
        event = self.receive()
        assert isinstance(event, TextMessage)
        assert event.data == text

    def close(self) -> None:
        self._client.send(self._frames.send(CloseConnection(code=1000)))
        assert isinstance(self.receive(), CloseConnection)


class TestWebSocket:
    @pytest.mark.parametrize("before", [0, 1, 3])
    def test_on_a_later_request(self, client: Client, before: int) -> None:
        for _ in range(before):
            assert client.get("/early").status == 200
        client.send(HANDSHAKE)
        assert client.head().status == 101
        session = WebSocket(client)
        session.echo("one")
        session.echo("two")
        session.close()

    def test_frames_before_the_answer_are_refused(self, client: Client) -> None:
        """A client has to wait for it (RFC 6455 section 4.1)."""
        client.send(HANDSHAKE + WebSocket(client).bytes_of("one"))
        assert client.head().status == 400

    def test_behind_pipelined_requests(self, client: Client) -> None:
        client.send(GET * 3 + HANDSHAKE)
        assert [client.response().body for _ in range(3)] == [b"early"] * 3
        assert client.head().status == 101
        WebSocket(client).echo("one")

    def test_behind_a_body(self, client: Client) -> None:
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel")
        client.send(b"lo" + HANDSHAKE)
        assert client.response().body == b"hello"
        assert client.head().status == 101
        WebSocket(client).echo("one")

    def test_split_at_every_byte(self, server: Server) -> None:
        for at in range(1, len(HANDSHAKE)):
            with Client(server.unix_path) as client:
                client.send(HANDSHAKE[:at])
                client.send(HANDSHAKE[at:])
                assert client.head().status == 101

    def test_not_behind_a_request_that_closes(self, client: Client) -> None:
        client.send(b"GET /early HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" + HANDSHAKE)
        assert client.response().body == b"early"
        assert client.rest() == b""

    def test_not_behind_an_answer_that_closes(self, client: Client) -> None:
        client.send(b"GET /silent HTTP/1.1\r\nHost: t\r\n\r\n" + HANDSHAKE)
        assert client.response().status == 500
        assert client.rest() == b""

    @pytest.mark.parametrize("missing", [b"Sec-WebSocket-Key", b"Sec-WebSocket-Version"])
    def test_a_handshake_that_is_not_valid(self, server: Server, client: Client, missing: bytes) -> None:
        lines = [line for line in HANDSHAKE.split(b"\r\n") if not line.startswith(missing)]
        client.send(b"\r\n".join(lines))
        assert 400 <= client.response().status < 500
        with Client(server.address) as other:
            assert other.get("/early").status == 200


class TestHttp2:
    @pytest.mark.parametrize("before", [0, 2])
    def test_by_upgrade_with_the_preface_right_behind(self, client: Client, before: int) -> None:
        connection = h2.connection.H2Connection()
        settings = connection.initiate_upgrade_connection()
        assert settings is not None
        upgrade = b"GET /early HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        upgrade += b"HTTP2-Settings: " + settings + b"\r\n\r\n"
        headers = [(":method", "GET"), (":path", "/early"), (":scheme", "http"), (":authority", "t")]
        connection.send_headers(3, headers, end_stream=True)
        client.send(GET * before + upgrade + connection.data_to_send())
        for _ in range(before):
            assert client.response().body == b"early"
        assert client.head().status == 101
        bodies = {1: b"", 3: b""}
        ended: set[int] = set()
        while ended != {1, 3}:
            data = client.some()
            assert data
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
        assert bodies == {1: b"early", 3: b"early"}

    @pytest.mark.parametrize("settings", ["!!!", "AAQAAP", "AAQAAP__////", "AAIAAAAC"])
    def test_without_settings_that_can_be_used_it_is_no_upgrade(self, client: Client, settings: str) -> None:
        headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": settings}
        assert client.get("/early", **headers).body == b"early"
        assert client.get("/early").body == b"early"

    def test_by_prior_knowledge_in_pieces(self, server: Server) -> None:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        data = connection.data_to_send()
        for at in range(1, 30):
            with Client(server.unix_path) as client:
                client.send(data[:at])
                client.send(data[at:])
                assert client.some()[3:4] == b"\x04"  # A SETTINGS frame.

    def test_the_preface_on_a_later_request_is_refused(self, client: Client) -> None:
        assert client.get("/early").status == 200
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.response().status in (400, 505)
        assert client.rest() == b""


def test_a_client_that_sends_before_the_handshake_is_complete(module_uwsgi: Servers) -> None:
    """It is refused, which is no error of the app's."""
    server = module_uwsgi()
    clients = [Client(server.address) for _ in range(20)]
    for client in clients:
        client.send(HANDSHAKE + b"\x81\x85\0\0\0\0hello")
    for client in clients:
        client.rest()
        client.close()
    server.wait_log("refused a WebSocket", count=len(clients))
    assert server.count("exception in") == 0
