"""The handshake and the frames of WebSockets, in order and out of it."""

import pytest
from support.http1 import count_waiting, is_read
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import HANDSHAKE, Raw, open_
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="websocket_behaviour:app", websockets_max_size=64)


class TestFrames:
    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\x81\x05hello", 1002),  # Not masked.
            (b"\xc1\x80\0\0\0\0", 1002),  # A reserved bit.
            (b"\x83\x80\0\0\0\0", 1002),  # An opcode that nobody knows.
            (b"\x89\xfe\0\x7e\0\0\0\0" + bytes(126), 1002),  # A long ping.
            (b"\x80\x80\0\0\0\0", 1002),  # A continuation of nothing.
            (b"\x81\x82\0\0\0\0\xc3\x28", 1007),
            (b"\x88\x82\0\0\0\0\x03\xed", 1002),  # 1005 is never sent.
            (b"\x88\x81\0\0\0\0\x03", 1002),
        ],
    )
    def test_a_broken_one_is_answered(self, server: Server, data: bytes, code: int) -> None:
        with Raw(server.address) as client:
            assert client.ask() == 101
            client.send(data)
            assert client.close_code()[0] == code
            assert client.rest() == b""

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 5000, 65535, 65536])
    @pytest.mark.parametrize("compression", [None, "deflate"])
    def test_sizes(self, server: Server, size: int, compression: str | None) -> None:
        with open_(server, compression=compression) as client:
            for message in ("x" * size, b"\0" * size):
                client.send(message)
                assert client.recv(timeout=5) == message

    def test_fragments_with_pings_between(self, server: Server) -> None:
        with open_(server) as client:
            client.send(["some ", "pieces", " of text"])
            assert client.recv(timeout=5) == "some pieces of text"
            assert client.ping().wait(5)

    def test_many_small_ones_in_one_read(self, server: Server) -> None:
        frame = Frame(Opcode.TEXT, b"x").serialize(mask=True)
        with Raw(server.address) as client:
            assert client.ask() == 101
            client.send(frame * 5000)
            for _ in range(5000):
                assert client._exactly(3) == b"\x81\x01x"

    def test_an_answer_does_not_wait_for_those_to_come(self, server: Server) -> None:
        frame = Frame(Opcode.TEXT, b"x").serialize(mask=True)
        with Raw(server.address) as client:
            assert client.ask("/answers-one") == 101
            client.send(frame * 3)
            assert client._exactly(3) == b"\x81\x01x"

    def test_a_pong_that_had_to_wait_leaves_when_the_client_reads(self, server: Server) -> None:
        with Raw(server.unix_path) as client:
            assert client.ask("/answers-at-length") == 101
            client.send(Frame(Opcode.TEXT, b"x").serialize(mask=True) * 2)
            eventually(lambda: count_waiting(client.socket) > 2 * 65536)
            client.frame(Opcode.PING, b"are you there")
            eventually(lambda: is_read(client.socket))
            for _ in range(3):
                assert client._exactly(10)[:2] == b"\x82\x7f"
                client._exactly(80_000)
            assert client._exactly(15) == b"\x8a\x0dare you there"

    def test_split_at_every_byte(self, server: Server) -> None:
        frame = Frame(Opcode.TEXT, b"hello").serialize(mask=True)
        with Raw(server.address) as client:
            assert client.ask() == 101
            for at in range(1, len(frame)):
                client.send(frame[:at])
                client.send(frame[at:])
                assert client._exactly(7) == b"\x81\x05hello"

    def test_a_ping_while_the_app_does_not_receive(self, server: Server) -> None:
        with open_(server, "/deaf") as client:
            assert client.ping().wait(5)


class TestHandshake:
    @pytest.mark.parametrize(
        "parameters",
        ["client_max_window_bits=abc", "server_max_window_bits=99", "unknown", "client_max_window_bits=1;x"],
    )
    def test_an_offer_that_makes_no_sense_is_declined(self, server: Server, parameters: str) -> None:
        before = server.count("exception in")
        with Raw(server.address) as client:
            client.send(
                HANDSHAKE.format(
                    path="/echo", more=f"Sec-WebSocket-Extensions: permessage-deflate; {parameters}\r\n"
                ).encode()
            )
            head = client.head()
            assert head.status == 101
            assert "sec-websocket-extensions" not in head.headers
        assert server.count("exception in") == before

    @pytest.mark.parametrize(
        "header", ["Sec-WebSocket-Extensions: a=;", "Sec-WebSocket-Protocol: a b", "Sec-WebSocket-Protocol: \xe9"]
    )
    def test_a_header_that_cannot_be_read(self, server: Server, header: str) -> None:
        with Raw(server.address) as client:
            assert client.ask(more=header + "\r\n") == 400

    def test_another_version(self, server: Server) -> None:
        with Raw(server.address) as client:
            client.send(HANDSHAKE.format(path="/echo", more="").replace("Version: 13", "Version: 8").encode())
            head = client.head()
            assert head.status == 426
            assert head.headers["sec-websocket-version"] == "13"

    def test_without_connection_upgrade_it_is_a_request(self, server: Server) -> None:
        with Raw(server.address) as client:
            client.send(HANDSHAKE.format(path="/hello", more="").replace("Connection: Upgrade\r\n", "").encode())
            assert client.response().status == 200

    def test_subprotocol(self, server: Server) -> None:
        with open_(server, subprotocols=["b", "a"]) as client:
            assert client.subprotocol == "b"

    @pytest.mark.parametrize(("path", "status", "body"), [("/denies", 429, b"too many"), ("/refuses", 403, None)])
    def test_denial(self, server: Server, path: str, status: int, body: bytes | None) -> None:
        with pytest.raises(InvalidStatus) as refused, open_(server, path):
            pass
        assert refused.value.response.status_code == status
        if body is not None:
            assert refused.value.response.body == body

    @pytest.mark.parametrize("path", ["/injects", "/returns", "/begins-to-deny", "/chooses-another"])
    def test_an_app_that_cannot_accept(self, server: Server, path: str) -> None:
        with Raw(server.address) as client:
            assert client.ask(path) == 500


@pytest.mark.parametrize(("value", "agreed"), [("off", None), ("9", "server_max_window_bits=9")])
def test_compression_is_an_option(uwsgi: Servers, value: str, agreed: str | None) -> None:
    server = uwsgi(module="websocket_behaviour:app", trio_websocket_deflate=value)
    with open_(server) as client:
        client.send("hello")
        assert client.recv(timeout=5) == "hello"
        assert client.response is not None
        extensions = client.response.headers.get("Sec-WebSocket-Extensions")
    assert (extensions is None) if agreed is None else agreed in str(extensions)
