"""A WebSocket of Quart's with the short way and without: the handler hears the same, whatever it does meanwhile."""

import itertools
import json
import socket
import struct
from collections.abc import Callable

import h2.errors
import pytest
from support.http1 import Http1
from support.http2 import Http2, Http2WebSocket
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import Raw, open_
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Opcode
from wsproto.events import CloseConnection

_names = itertools.count()


@pytest.fixture(scope="module", params=["true", "false"], ids=["short way", "Quart-Trio's own"])
def server(module_uwsgi: Servers, request: pytest.FixtureRequest) -> Server:
    return module_uwsgi(module="quart_sockets:app", trio_quart_direct=request.param, processes=1)


@pytest.fixture(scope="module")
def direct(module_uwsgi: Servers) -> Server:
    """A server where Quart-Trio has a race, whether its handler is cancelled before it writes to who has gone."""
    return module_uwsgi(module="quart_sockets:app", processes=1)


def notes(server: Server, name: str) -> list[str]:
    with Http1(server.address) as client:
        found: list[str] = json.loads(client.get(f"/notes/{name}").body)
        return found


def close(client: Raw) -> None:
    client.frame(Opcode.CLOSE, Close(1000, "").serialize())


def close_behind_messages(client: Raw) -> None:
    for _ in range(5):
        client.frame(Opcode.TEXT, b"unread")
    close(client)


def close_behind_a_long_message(client: Raw) -> None:
    client.frame(Opcode.BINARY, bytes(60_000))
    close(client)


def break_a_rule(client: Raw) -> None:
    client.send(b"\xff\xff")


def end(client: Raw) -> None:
    client.socket.shutdown(socket.SHUT_WR)


def reset(client: Raw) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


WAYS = [close, close_behind_messages, close_behind_a_long_message, break_a_rule, end, reset]


def go(server: Server, how: str, leave: Callable[[Raw], None]) -> None:
    name = str(next(_names))
    with Raw(server.address) as client:
        assert client.ask(f"/{how}/{name}") == 101
        eventually(lambda: notes(server, name))
        leave(client)
        # A second later the worker would cancel it from outside, and that is not soon enough.
        expected = ["accepted", "cancelled", "returned"]
        eventually(lambda: notes(server, name) == expected, why=lambda: str(notes(server, name)))
    assert server.count("Exception on websocket") == 0


@pytest.mark.parametrize("leave", WAYS)
def test_the_client_goes_and_a_handler_that_sleeps_is_cancelled(server: Server, leave: Callable[[Raw], None]) -> None:
    go(server, "sleep", leave)


@pytest.mark.parametrize("how", ["push", "flood", "echo", "several"])
@pytest.mark.parametrize("leave", WAYS)
def test_one_that_sends_is_cancelled(direct: Server, how: str, leave: Callable[[Raw], None]) -> None:
    go(direct, how, leave)


def close_stream(session: Http2WebSocket) -> None:
    session.send(CloseConnection(1000))


def end_stream(session: Http2WebSocket) -> None:
    session.client.connection.end_stream(session.stream)
    session.client.flush()


def reset_stream(session: Http2WebSocket) -> None:
    session.client.connection.reset_stream(session.stream, h2.errors.ErrorCodes.CANCEL)
    session.client.flush()


def hang_up(session: Http2WebSocket) -> None:
    session.client.socket.close()


@pytest.mark.parametrize("how", ["sleep", "push", "flood", "echo", "several"])
@pytest.mark.parametrize("leave", [close_stream, end_stream, reset_stream, hang_up])
def test_over_http2_as_well(direct: Server, how: str, leave: Callable[[Http2WebSocket], None]) -> None:
    name = str(next(_names))
    with Http2(direct.address).begin() as client:
        session = Http2WebSocket(client, f"/{how}/{name}")
        eventually(lambda: notes(direct, name))
        leave(session)
        expected = ["accepted", "cancelled", "returned"]
        eventually(lambda: notes(direct, name) == expected, why=lambda: str(notes(direct, name)))
    assert direct.count("Exception on websocket") == 0


@pytest.mark.parametrize("leave", [end, reset])
def test_who_goes_before_the_answer_ends_the_handler(server: Server, leave: Callable[[Raw], None]) -> None:
    name = str(next(_names))
    with Raw(server.address) as client:
        client.send(
            f"GET /unaccepted/{name} HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        eventually(lambda: notes(server, name))
        leave(client)
        eventually(lambda: notes(server, name) == ["asked", "returned"], why=lambda: str(notes(server, name)))


def test_a_last_message_reaches_the_handler_and_the_end_is_no_error(direct: Server) -> None:
    name = str(next(_names))
    with Raw(direct.address) as client:
        assert client.ask(f"/echo_once/{name}") == 101
        client.send(b"\x81\x85\0\0\0\0Hello" + b"\x88\x82\0\0\0\0\x03\xe8")
        eventually(lambda: notes(direct, name) == ["accepted", "cancelled", "returned"])
    assert direct.count("Exception on websocket") == 0


@pytest.mark.parametrize("how", ["echo", "several", "impatient"])
def test_every_message_comes_once(server: Server, how: str) -> None:
    with open_(server, f"/{how}/{next(_names)}") as client:
        texts = [str(number) for number in range(500)]
        for text in texts:
            client.send(text)
        assert sorted((str(client.recv()) for _ in texts), key=int) == texts


def test_what_came_while_the_handler_did_not_receive_is_there(server: Server) -> None:
    with open_(server, f"/late/{next(_names)}", compression=None) as client:
        for number in range(100):
            client.send(str(number))
        client.send(bytes(300_000))
        with Http1(server.address) as other:
            assert other.get("/go").body == b"go"
        assert [client.recv() for _ in range(100)] == [str(number) for number in range(100)]
        assert client.recv() == bytes(300_000)


def test_text_and_bytes(server: Server) -> None:
    with open_(server, f"/echo/{next(_names)}") as client:
        for message in ("", "\u00e9\u20ac", b"\0\xff", "x" * 70_000):
            client.send(message)
            assert client.recv() == message


def test_a_shielded_handler_receives_until_its_own_deadline(server: Server) -> None:
    name = str(next(_names))
    with open_(server, f"/shielded/{name}") as client:
        client.send("one")
    eventually(lambda: notes(server, name)[-1:] == ["returned"])


def test_signals_are_sent(server: Server) -> None:
    def count() -> int:
        with Http1(server.address) as client:
            return int(json.loads(client.get("/sent").body)["sent"])

    before = count()
    with open_(server, f"/echo/{next(_names)}") as client:
        client.send("x")
        assert client.recv() == "x"
        eventually(lambda: count() == before + 1)


@pytest.mark.parametrize("how", ["sleep", "push", "echo"])
def test_a_drain_closes_by_1012_whatever_the_handler_does(uwsgi: Servers, how: str) -> None:
    server = uwsgi(module="quart_sockets:app", processes=1)
    with open_(server, f"/{how}/drained") as client:
        eventually(lambda: notes(server, "drained"))
        server.reload("r")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert server.count("Exception on websocket") == 0
