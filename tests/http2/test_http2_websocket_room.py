"""The sessions on one HTTP/2 connection keep no more of messages than `websockets-max-size` says twice."""

import h2.events
from support.frames import PREFACE, settings, window
from support.hostile import tunnels
from support.hostile.websocket import frame
from support.http1 import connect
from support.http2 import Http2, Http2WebSocket
from support.uwsgi import Servers
from websockets.frames import Opcode
from wsproto.events import CloseConnection, TextMessage

# KiB of a message at most, and a message that has most of them.
LARGEST, SIZE = 2560, 2 << 20
LARGE = frame(Opcode.BINARY, bytes(SIZE))

# What three sessions may have each of the room, which two have left to the third at least.
SHARE, LEFT = 2 * (LARGEST << 10) // 3, 2 * (LARGEST << 10) - 2 * SIZE


class Session(Http2WebSocket):
    """A session whose client sends bytes as they are."""

    def push(self, data: bytes) -> int:
        """Send these as the windows allow; return how many have left when the other side ends the stream."""
        connection, sent = self.client.connection, 0
        while sent < len(data) and not self._is_over():
            size = min(connection.local_flow_control_window(self.stream), 16384, len(data) - sent)
            if size:
                connection.send_data(self.stream, data[sent : sent + size])
                self.client.flush()
                sent += size
            else:
                self.client.read()
        return sent

    def _is_over(self) -> bool:
        ends = (h2.events.StreamEnded, h2.events.StreamReset)
        return any(isinstance(each, ends) and each.stream_id == self.stream for each in self.client.events)

    def closed(self) -> int:
        """The code of the other side's close."""
        event = self.receive()
        assert isinstance(event, CloseConnection)
        return event.code

    def told(self) -> str:
        """The next message."""
        event = self.receive()
        assert isinstance(event, TextMessage)
        return event.data


def test_who_keeps_most_beyond_it_is_told_1009_and_the_others_go_on(uwsgi: Servers) -> None:
    server = uwsgi(module="quart_late:app", websockets_max_size=LARGEST)
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/go")) == (200, b"gone")
        one, two, three, four = (Session(client, "/late") for _ in range(4))
        for each in one, two:
            assert each.push(LARGE[:-1]) == len(LARGE) - 1
        four.push(frame(Opcode.BINARY, b"small"))
        assert four.told() == "5"
        assert LEFT <= three.push(LARGE[:-1]) < SHARE + 4 * 65536
        assert three.closed() == 1009
        for each in one, two:
            each.push(LARGE[-1:])
            assert each.told() == f"{SIZE}"
        four.push(LARGE)
        assert four.told() == f"{SIZE}"


def test_messages_that_wait_for_their_apps_count(uwsgi: Servers) -> None:
    server = uwsgi(module="attacked:app", websockets_max_size=LARGEST)
    with Http2(server.address).begin() as client:
        sessions = [Session(client, "/waits") for _ in range(6)]
        for each in sessions:
            each.push(LARGE)
        assert [each.closed() for each in sessions[2:]] == [1009] * 4


def test_a_client_is_slowed_by_an_app_of_quarts_that_is_late(uwsgi: Servers) -> None:
    """Quart has messages read ahead of the app: large ones one by one, so that nobody ends for what the app leaves."""
    server = uwsgi(module="quart_late:app", websockets_max_size=LARGEST)
    with Http2(server.address).begin() as client:
        session = Session(client, "/late")
        session.push(LARGE)
        _wait_until_read(client, b"before..")
        session.push(LARGE[:60000])
        _wait_until_read(client, b"behind..")
        assert client.connection.local_flow_control_window(session.stream) <= 65535 - 60000
        assert client.response(client.request("/go")) == (200, b"gone")
        session.push(LARGE[60000:])
        assert [session.told(), session.told()] == [f"{SIZE}"] * 2


def _wait_until_read(client: Http2, data: bytes) -> None:
    """Wait until the worker has read all that was sent."""
    client.connection.ping(data)
    client.flush()
    client.wait(h2.events.PingAckReceived, lambda event: event.ping_data == data)


def test_many_small_messages_are_no_flood(uwsgi: Servers) -> None:
    """As many as an account of frames that bring nothing would never have room for."""
    server = uwsgi(module="attacked:app")
    count, rounds, text = 160, 250, b"a message of thirty-two bytes..."
    begin = PREFACE + settings((tunnels.WINDOW, (1 << 31) - 1)) + window((1 << 31) - 65536)
    with connect(server.address) as client:
        client.sendall(begin + tunnels._open("/echo", 16))
        said = frame(Opcode.BINARY, text)
        together = b"".join(tunnels._in_frames(stream, said) for stream in [*tunnels._numbers(16)] * 10)
        answered, rest = 0, b""
        for each in range(rounds):
            client.sendall(together)
            while answered < count * (each + 1):
                data = client.recv(65536)
                assert data, f"ended after {answered} messages"
                rest += data
                answered += rest.count(text)
                rest = rest[rest.rfind(text) + len(text) :] if text in rest else rest
