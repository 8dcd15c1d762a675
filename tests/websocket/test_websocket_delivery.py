"""The messages of an app arrive whole and once, whoever sends them, however it ends and however its client reads."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGHUP

import pytest
from support.bodies import SCRIPTED, body_of, chained
from support.delivery import Reading, ask_websocket
from support.delivery_cases import told
from support.http1 import count_waiting
from support.uwsgi import Server, Servers
from support.waiting import eventually
from support.websocket import Raw
from websockets.frames import Opcode

# Five of these are more than a UNIX socket takes, and fewer than are kept.
SIZE = 50_000


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(**SCRIPTED, websockets_ping_freq=1)


@contextmanager
def asked(server: Server, number: int, steps: str) -> Iterator[Raw]:
    """Open a session whose app answers seven messages that come together, when it is known to the kernel."""
    with Raw(server.unix_path) as client:
        assert client.ask(f"/?id={number}&do={steps}") == 101
        time.sleep(0.2)
        for _ in range(7):
            client.frame(Opcode.BINARY, b"go on")
        yield client


def messages(client: Raw) -> tuple[list[bytes], int]:
    """Read up to a close; return the messages, and its code."""
    found: list[bytes] = []
    while True:
        opcode, size = client._exactly(2)
        if size > 125:
            width, form = {126: (2, "!H"), 127: (8, "!Q")}[size]
            (size,) = struct.unpack(form, client._exactly(width))
        data = client._exactly(size)
        if opcode & 15 == Opcode.CLOSE:
            return found, struct.unpack("!H", data[:2])[0]
        if opcode & 15 == Opcode.BINARY:
            found.append(data)


def expected(number: int, count: int, size: int = SIZE) -> list[bytes]:
    return [body_of(number, at * 1009, size) for at in range(count)]


@pytest.mark.parametrize(("end", "code"), [("", 1000), (".z1001", 1001), (".x", 1011)])
def test_all_leaves_before_the_close(server: Server, end: str, code: int) -> None:
    """What is kept has the time of a write, and not that of the answer to a close frame."""
    with asked(server, 1, "w100" + f".g.m{SIZE}" * 5 + end) as client:
        time.sleep(4)
        assert messages(client) == (expected(1, 5), code)


def test_a_client_that_reads_slowly_is_pinged_later(server: Server) -> None:
    with asked(server, 2, ".".join([f"m{SIZE}"] * 40)) as client:
        end, got = time.monotonic() + 4, b""
        while time.monotonic() < end:
            time.sleep(0.05)
            got += client._file.read1(20_000)
        while data := client._file.read1(1 << 20):
            got += data
        assert sum(each in got for each in expected(2, 40)) == 40


@pytest.mark.parametrize("deflate", [False, True])
def test_tasks_that_send_at_once_and_give_up(server: Server, deflate: bool) -> None:
    reading = Reading(first=0.5)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(server.unix_path))
        (came,) = ask_websocket(sock, "/?id=3&do=b300000.m10", reading, deflate, 0)
    said = told(server.directory, 3, 5)
    assert said is not None
    assert said["accepted"] == 7
    assert len(came.messages) == 7
    assert came.code == 1000
    sent = [chained(3, at, 300_000) for at in range(8)]
    assert len({sent.index(each) for each in came.messages[:-1]}) == 6


def test_an_answer_to_a_close_that_had_to_wait(server: Server) -> None:
    with asked(server, 4, "w100" + f".g.m{SIZE}" * 5 + ".g.g.g") as client:
        eventually(lambda: count_waiting(client.socket) > 3 * SIZE)
        client.frame(Opcode.CLOSE, struct.pack("!H", 3000))
        time.sleep(0.5)
        assert messages(client) == (expected(4, 5), 3000)


def test_a_client_that_asks_on_while_it_reads_what_the_app_has_sent_before_its_close(server: Server) -> None:
    """A close of the connection would answer its next ping by a reset, which takes along what it has not read."""
    with Raw(server.address) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert client.ask(f"/?id=7&do={'.'.join([f'm{SIZE}'] * 4)}") == 101
        end, got = time.monotonic() + 4, b""
        while time.monotonic() < end:
            time.sleep(0.1)
            got += client._file.read1(2000)
            client.frame(Opcode.PING, b"are you there")
        client.socket.shutdown(socket.SHUT_WR)
        while data := client._file.read1(1 << 20):
            got += data
        assert [got.count(each) for each in expected(7, 4)] == [1] * 4
        assert struct.pack("!BBH", 0x88, 2, 1000) in got


def test_a_drain_is_held_up_by_who_reads_and_by_nobody_else(uwsgi: Servers) -> None:
    server = uwsgi(**SCRIPTED, worker_reload_mercy=60)
    (pid,) = server.worker_pids()
    with asked(server, 5, ".".join([f"m{SIZE}"] * 40)) as reader, asked(server, 6, ".".join([f"m{SIZE}"] * 40)) as deaf:
        eventually(lambda: min(count_waiting(each.socket) for each in (reader, deaf)) > 3 * SIZE)
        server.signal(SIGHUP, pid)
        server.wait_log("draining")
        end, got = time.monotonic() + 3, b""
        while time.monotonic() < end:
            time.sleep(0.1)
            got += reader._file.read1(40_000)
        while data := reader._file.read1(1 << 20):
            got += data
        said = told(server.directory, 5, 5)
        assert said is not None
        count = said["accepted"]
        assert [got.count(each) for each in expected(5, count)] == [1] * count
        assert got.endswith(struct.pack("!BBH", 0x88, 2, 1012))
        server.wait_accepting(2, timeout=10)
