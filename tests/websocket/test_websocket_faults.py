"""Clients and apps that break a WebSocket's rules, or stretch them: the session ends as it should, others go on."""

import os
import re
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable

import psutil
import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers
from support.waiting import eventually, throughout
from support.websocket import Raw, open_
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Opcode


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="websocket_behaviour:app", websockets_max_size=64)


def others_are_served(server: Server) -> None:
    for _ in range(10):
        began = time.monotonic()
        with Http1(server.address) as client:
            assert client.get("/hello").status == 200
        assert time.monotonic() - began < 1


def worker_memory(server: Server) -> int:
    """Return the resident bytes of the largest worker."""
    return max(each.memory_info().rss for each in psutil.Process(server.master_pid).children())


def by_close(client: Raw) -> None:
    client.frame(Opcode.CLOSE, Close(1000, "").serialize())


def by_fin(client: Raw) -> None:
    client.socket.shutdown(socket.SHUT_WR)


def by_reset(client: Raw) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def stay(client: Raw) -> None:
    """Say nothing."""


class TestLoops:
    @pytest.mark.parametrize("leave", [by_close, by_fin, by_reset])
    def test_a_send_loop_after_the_client_has_gone(self, uwsgi: Servers, leave: Callable[[Raw], None]) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        client = Raw(server.address)
        assert client.ask("/sends-for-ever") == 101
        leave(client)
        drain = threading.Thread(target=read_all, args=[client])
        drain.start()
        server.wait_log("send raised", timeout=5)
        others_are_served(server)
        drain.join(10)
        client.close()

    def test_a_receive_loop_after_the_client_has_gone(self, uwsgi: Servers) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask("/receives-for-ever") == 101
            server.wait_log("receives")
            by_close(client)
            client.close_code()
        others_are_served(server)

    def test_a_send_loop_to_a_client_that_reads(self, server: Server) -> None:
        # It leaves without a handshake to close: its library reads no answer behind a message that nobody takes.
        with open_(server, "/sends-for-ever", compression=None, close_timeout=0.1) as client:
            for _ in range(1000):
                client.recv(timeout=5)
            others_are_served(server)


def read_all(client: Raw) -> None:
    try:
        while client.socket.recv(65536):
            pass
    except OSError:
        pass


class TestMemory:
    def test_a_client_that_goes_on_after_1009(self, server: Server) -> None:
        before = worker_memory(server)
        with Raw(server.address) as client:
            assert client.ask() == 101
            client.frame(Opcode.BINARY, bytes(65537))
            assert client.close_code()[0] == 1009
            try:
                for _ in range(1000):
                    client.send(bytes(65536))
            except OSError:
                pass
        assert worker_memory(server) - before < 20_000_000

    def test_a_bomb(self, server: Server) -> None:
        deflate = zlib.compressobj(9, wbits=-12)
        bomb = deflate.compress(bytes(300_000_000)) + deflate.flush(zlib.Z_SYNC_FLUSH)
        assert len(bomb) < 64 * 1024 * 6
        before = worker_memory(server)
        small = zlib.compressobj(9, wbits=-12)
        fits = small.compress(bytes(65536)) + small.flush(zlib.Z_SYNC_FLUSH)
        with Raw(server.address) as client:
            offer = "permessage-deflate; client_max_window_bits; client_no_context_takeover"
            assert client.ask(more=f"Sec-WebSocket-Extensions: {offer}\r\n") == 101
            client.frame(Opcode.BINARY, fits[:-4], rsv1=True)
            client.frame(Opcode.BINARY, bomb[:60_000], rsv1=True)
            assert client.close_code()[0] == 1009
        assert worker_memory(server) - before < 20_000_000

    def test_an_app_that_does_not_receive(self, server: Server) -> None:
        """One message is kept, and then the client waits."""
        before = worker_memory(server)
        with Raw(server.address) as client:
            assert client.ask("/deaf") == 101
            client.socket.settimeout(2)
            sent = 0
            with pytest.raises(TimeoutError):
                while True:
                    client.frame(Opcode.BINARY, bytes(60_000))
                    sent += 60_000
            assert sent < 30_000_000
        assert worker_memory(server) - before < 20_000_000

    def test_fragments_count_as_a_message(self, server: Server) -> None:
        with Raw(server.address) as client:
            assert client.ask() == 101
            client.frame(Opcode.BINARY, bytes(40_000), fin=False)
            client.frame(Opcode.CONT, bytes(40_000))
            assert client.close_code()[0] == 1009


class TestClose:
    @pytest.mark.parametrize(
        ("sent", "heard", "answered"),
        [
            (Close(4001, "bye").serialize(), "4001 'bye'", 4001),
            (Close(1000, "").serialize(), "1000 ''", 1000),
            (b"", "1005 ''", 1005),
        ],
    )
    def test_the_clients_code_reaches_the_app(self, uwsgi: Servers, sent: bytes, heard: str, answered: int) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask() == 101
            client.frame(Opcode.CLOSE, sent)
            assert client.close_code()[0] == answered
            assert client.rest() == b""
        server.wait_log(re.escape(f"heard {heard}"))

    def test_a_close_amid_a_message_is_answered_by_its_own_code(self, server: Server) -> None:
        """A control frame may come between fragments (RFC 6455 section 5.4)."""
        for sent, answered in ((Close(1001, "away").serialize(), 1001), (b"", 1005)):
            with Raw(server.address) as client:
                assert client.ask() == 101
                client.frame(Opcode.PING, b"")
                client.frame(Opcode.TEXT, b"half a", fin=False)
                client.frame(Opcode.CLOSE, sent)
                assert client.close_code()[0] == answered
                assert client.rest() == b""

    def test_the_apps_own_code_is_what_it_hears(self, uwsgi: Servers) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with open_(server, "/closes") as client:
            client.send("x")
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4002, "done")
        server.wait_log(re.escape("heard 4002 'done'"))

    @pytest.mark.parametrize("leave", [by_close, by_fin, by_reset])
    def test_what_an_app_sends_behind_its_own_close_is_its_mistake(
        self, uwsgi: Servers, leave: Callable[[Raw], None]
    ) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask("/goes-on") == 101
            client.frame(Opcode.TEXT, b"x")
            assert client.close_code() == (4002, "done")
            leave(client)
            server.wait_log("the session has ended", timeout=5)

    def test_what_finds_nobody_there_is_not_counted(self, uwsgi: Servers) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask("/sends-too-late") == 101
            client.frame(Opcode.TEXT, b"x")
            server.wait_log("thinks")
            by_reset(client)
            server.wait_log("nobody is there")
        eventually(lambda: server.metrics()["websocket.messages.in"] == 1)
        throughout(lambda: server.metrics()["websocket.messages.out"] == 0, 1.5)

    def test_a_close_waits_for_what_was_sent_before_it(self, uwsgi: Servers) -> None:
        """However long that waits for its client."""
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.unix_path) as client:
            assert client.ask("/closes-behind") == 101
            server.wait_log("close is asked for")
            sent = [b"\x81\x7f" + struct.pack("!Q", 1_000_000), b"a" * 1_000_000, b"\x81\x04last"]
            assert client._exactly(sum(map(len, sent))) == b"".join(sent)
            assert client.close_code() == (4002, "done")
        assert "ERROR" not in server.log

    @pytest.mark.parametrize("leave", [by_close, by_fin, by_reset, stay])
    def test_what_an_app_does_behind_its_own_close_is_not_cancelled(
        self, uwsgi: Servers, leave: Callable[[Raw], None]
    ) -> None:
        """As behind an answer; one that had answered the close had a second, one that had not had three."""
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask("/works-on") == 101
            client.frame(Opcode.TEXT, b"x")
            assert client.close_code() == (4002, "done")
            leave(client)
            if leave is by_close:
                assert client.rest() == b""
                assert server.count("worked on") == 0
            server.wait_log("worked on")

    def test_a_silent_client_holds_nothing(self, uwsgi: Servers) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask("/closes") == 101
            client.frame(Opcode.TEXT, b"x")
            server.wait_log(re.escape("heard 4002 'done'"), timeout=5)

    def test_a_client_that_has_gone(self, uwsgi: Servers) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask() == 101
        server.wait_log(re.escape("heard 1006 ''"))

    @pytest.mark.parametrize("closes", [True, False])
    def test_what_a_client_sent_before_it_left_is_given_to_a_slow_app(self, uwsgi: Servers, closes: bool) -> None:
        server = uwsgi(module="websocket_behaviour:app")
        with Raw(server.address) as client:
            assert client.ask("/collects") == 101
            for number in range(5):
                client.frame(Opcode.TEXT, b"number %d" % number)
            if closes:
                by_close(client)
        server.wait_log(re.escape("heard 1000 ''" if closes else "heard 1006 ''"), timeout=10)
        assert [server.count(f"stored number {number}") for number in range(5)] == [1] * 5

    def test_an_app_that_does_not_receive_ends_with_its_client(self, uwsgi: Servers) -> None:
        server = uwsgi(module="websocket_behaviour:app", log_format="ended %(status)")
        with Raw(server.address) as client:
            assert client.ask("/deaf") == 101
            client.frame(Opcode.TEXT, b"nobody takes this")
        server.wait_log("^ended 101$", timeout=5)

    def test_an_app_that_raises(self, server: Server) -> None:
        with open_(server, "/raises") as client, pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011


def test_what_was_received_before_1012_is_answered(uwsgi: Servers) -> None:
    server = uwsgi(module="websocket_behaviour:app", worker_reload_mercy=10)
    with open_(server, "/slow") as client:
        client.send("one")
        server.wait_log("working")
        os.kill(server.master_pid, signal.SIGHUP)
        assert client.recv(timeout=5) == "one"
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    server.wait_log("heard 1012")


@pytest.mark.parametrize("leave", [by_close, by_fin, by_reset, Raw.rest])
def test_an_app_that_hears_of_1012_by_send_has_made_no_mistake(uwsgi: Servers, leave: Callable[[Raw], None]) -> None:
    server = uwsgi(module="websocket_behaviour:app", log_format="ended %(status)")
    with Raw(server.address) as client:
        assert client.ask("/ticks") == 101
        os.kill(server.master_pid, signal.SIGHUP)
        assert client.close_code()[0] == 1012
        leave(client)
        server.wait_log("^ended 101$", timeout=5)
    assert not re.findall("ERROR", server.log)
