"""WebSocket sessions among what runs: in every protocol, with messages and tasks, and cancelled by an operator."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from support.figures import with_status
from support.http1 import connect
from support.http2 import Http2, Http2WebSocket
from support.packets import request
from support.status import BEARER, TOKEN, ask, running, state, tasks
from support.terminal import terminal
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import open_
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from wsproto.events import CloseConnection, TextMessage

HANDSHAKE = {
    "HTTP_UPGRADE": "websocket",
    "HTTP_CONNECTION": "Upgrade",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    "UWSGI_ROUTER": "http",
}


@pytest.fixture(scope="module", params=["express", "hypercorn"])
def server(request: pytest.FixtureRequest, module_uwsgi: Servers) -> Server:
    return module_uwsgi(
        processes=2, module="nurseries:app", trio_engine=request.param, trio_status_token=TOKEN, **with_status()
    )


@pytest.fixture(scope="module")
def express(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="nurseries:app", trio_status_token=TOKEN, **with_status())


def messages(server: Server, path: str) -> tuple[int, int]:
    found = running(server, path)
    return found["messages_in"], found["messages_out"]


def test_a_session_is_listed_with_its_route_and_its_messages(server: Server) -> None:
    with open_(server, "/socket/one") as client:
        assert messages(server, "/socket/one") == (0, 0)
        for each in ("a", "b", "c"):
            client.send(each)
            assert client.recv() == each
        client.send("silence")
        eventually(lambda: messages(server, "/socket/one") == (4, 3))
        found = running(server, "/socket/one")
        assert (found["method"], found["protocol"], found["route"]) == ("WEBSOCKET", "websocket", "/socket/<name>")
        assert found["client"].startswith("127.0.0.1:")
        assert found["sent"] == 3
        assert found["waits_at"]["function"] == "socket"
        assert found["waits_at"]["code"] == "message = await websocket.receive()"
    eventually(lambda: not [each for each in state(server)["requests"] if each["path"] == "/socket/one"])


def test_its_tasks_are_shown_and_it_is_cancelled_with_the_token(server: Server) -> None:
    with open_(server, "/socket/two") as client:
        identity = running(server, "/socket/two")["id"]
        assert "nurseries.py" in str(tasks(server, identity))
        assert ask(server, f"/cancel?request={identity}", method="POST")[0] == 401
        assert ask(server, f"/cancel?request={identity}", BEARER, "POST")[0] == 200
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011

    def told() -> list[Any]:
        return [each["cause"] for each in state(server)["cancelled"] if each["path"] == "/socket/two"]

    eventually(lambda: told() == ["operator"])


def test_a_session_on_a_stream_of_http2(express: Server) -> None:
    with Http2(express.address).begin() as client:
        session = Http2WebSocket(client, "/socket/stream")
        session.send(TextMessage("a"))
        answer = session.receive()
        assert isinstance(answer, TextMessage)
        assert answer.data == "a"
        assert messages(express, "/socket/stream") == (1, 1)
        identity = running(express, "/socket/stream")["id"]
        assert "nurseries.py" in str(tasks(express, identity))
        assert ask(express, f"/cancel?request={identity}", BEARER, "POST")[0] == 200
        closed = session.receive()
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1011


def test_a_session_behind_a_packet(express: Server) -> None:
    with connect(express.address) as sock:
        sock.sendall(request("/socket/packet", **HANDSHAKE))
        assert sock.recv(65536).startswith(b"HTTP/1.1 101 ")
        sock.sendall(Frame(Opcode.TEXT, b"a").serialize(mask=True))
        assert sock.recv(65536) == b"\x81\x01a"
        assert messages(express, "/socket/packet") == (1, 1)
        identity = running(express, "/socket/packet")["id"]
        assert ask(express, f"/cancel?request={identity}", BEARER, "POST")[0] == 200
        assert sock.recv(65536)[:4] == b"\x88\x02\x03\xf3"


def test_a_handshake_that_waits_is_refused(express: Server) -> None:
    with connect(express.address) as sock:
        sock.sendall(request("/refused", **HANDSHAKE))
        identity = running(express, "/refused")["id"]
        assert ask(express, f"/cancel?request={identity}", BEARER, "POST")[0] == 200
        assert sock.recv(65536).startswith(b"HTTP/1.1 503 ")


@contextmanager
def several(server: Server, count: int) -> Iterator[None]:
    with ExitStack() as sessions:
        for number in range(count):
            sessions.enter_context(open_(server, f"/socket/{number}"))
        yield


def test_many_sessions_hide_no_request(express: Server) -> None:
    with several(express, 205):
        eventually(lambda: state(express)["workers"][0]["running"] == 205)
        assert len(state(express)["requests"]) == 200
        with terminal("top", express.ini, columns=200) as shown:
            shown.read_until("WEBSOCKET /socket/0 (0 in, 0 out)")
