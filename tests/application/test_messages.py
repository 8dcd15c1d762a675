"""Messages between workers: all arrive, in order, through reloads; nobody waits for long for who does not read."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from support.http1 import Http1
from support.ini import free_port
from support.uwsgi import Server, Servers
from support.waiting import eventually, took
from websockets.sync.client import ClientConnection, connect

from trio_worker.messages.frame import LARGEST_DATA, encode, numbered
from trio_worker.messages.peer import address

PROCESSES = 3


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return start(module_uwsgi, PROCESSES)


def start(servers: Servers, processes: int) -> Server:
    """A uWSGI whose workers have a socket each, so that a client chooses its worker."""
    ports = [free_port() for _ in range(processes)]
    return servers(
        spooler="spool",
        spooler_frequency=1,
        module="messaging:app",
        processes=processes,
        socket=[f"127.0.0.1:{port}" for port in ports],
        map_socket=[f"{number}:{number + 1}" for number in range(processes)],
    )


def addresses(server: Server) -> list[tuple[str, int]]:
    """The address of each worker."""
    return [("127.0.0.1", int(each.rpartition(":")[2])) for each in server.options["socket"]]


@contextmanager
def everywhere(server: Server, topic: str, buffer: int = 256) -> Iterator[dict[int, ClientConnection]]:
    """A subscription in each worker, by the worker's process."""
    with ExitStack() as stack:
        urls = [f"ws://{host}:{port}/{topic}?buffer={buffer}" for host, port in addresses(server)]
        clients = [stack.enter_context(connect(url)) for url in urls]
        yield {int(client.recv(timeout=5)): client for client in clients}


@contextmanager
def connections(server: Server) -> Iterator[dict[int, Http1]]:
    """A connection to each worker, by the worker's process."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Http1(each)) for each in addresses(server)]
        yield {int(client.get("/").text): client for client in clients}


def test_each_worker_reaches_each_in_order(server: Server) -> None:
    lines = [f"message {number}" for number in range(200)]
    with everywhere(server, "order") as listeners, connections(server) as publishers:
        for publisher in publishers.values():
            publisher.post("/order", "\n".join(lines).encode())
            for listener in listeners.values():
                assert [listener.recv(timeout=5) for _ in lines] == lines


def test_bytes_and_text_arrive_as_what_they_were(server: Server) -> None:
    with everywhere(server, "kinds") as listeners, Http1(addresses(server)[0]) as publisher:
        publisher.post("/kinds", "größe".encode() + b"\n\xff\x00\n" + b"x" * LARGEST_DATA)
        for listener in listeners.values():
            assert [listener.recv(timeout=5) for _ in range(3)] == ["größe", b"\xff\x00", "x" * LARGEST_DATA]


def test_a_topic_is_heard_by_its_own_subscriptions(server: Server) -> None:
    with everywhere(server, "one") as ones, everywhere(server, "two") as twos, Http1(addresses(server)[0]) as publisher:
        publisher.post("/one", b"for one")
        publisher.post("/two", b"for two")
        assert {client.recv(timeout=5) for client in ones.values()} == {"for one"}
        assert {client.recv(timeout=5) for client in twos.values()} == {"for two"}


def test_publishing_at_once_from_everywhere(server: Server) -> None:
    with everywhere(server, "many", 1000) as listeners, ThreadPoolExecutor(PROCESSES) as pool:
        with connections(server) as publishers:
            bodies = ["\n".join(f"{pid} {number}" for number in range(100)) for pid in publishers]
            list(pool.map(lambda each, body: each.post("/many", body.encode()), publishers.values(), bodies))
        expected = sorted(line for body in bodies for line in body.splitlines())
        for listener in listeners.values():
            assert sorted(str(listener.recv(timeout=5)) for _ in expected) == expected


def test_who_does_not_read_loses_the_oldest_and_is_told(server: Server) -> None:
    with everywhere(server, "slow", buffer=3) as listeners, Http1(addresses(server)[0]) as publisher:
        slow, *others = listeners.values()
        slow.send("hold")
        assert slow.recv(timeout=5) == "hold"
        for message in ("first", "0", "1", "2", "3", "4"):  # `receive` has begun already, and has the first one.
            publisher.post("/slow", message.encode())
            assert {other.recv(timeout=5) for other in others} == {message}
        slow.send("go on")
        got = [slow.recv(timeout=5) for _ in range(6)]
        assert [each for each in got if each != "go on"] == ["first", "lost 2", "2", "3", "4"]


@pytest.mark.long
def test_a_stuck_worker_holds_up_nobody_for_long_and_is_told(uwsgi: Servers) -> None:
    server = start(uwsgi, 2)
    chunk = b"\n".join([b"y" * 50_000] * 20)
    with everywhere(server, "stuck", buffer=100) as listeners, connections(server) as publishers:
        (stuck, publishing) = listeners
        publishers[publishing].post("/stuck", b"before")
        assert {listener.recv(timeout=5) for listener in listeners.values()} == {"before"}
        os.kill(stuck, signal.SIGSTOP)
        try:
            began = time.monotonic()
            publishers[publishing].post("/stuck", chunk)
            assert 0.9 < took(began) < 3
            assert [len(listeners[publishing].recv(timeout=5)) for _ in range(20)] == [50_000] * 20
            began = time.monotonic()
            publishers[publishing].post("/stuck", chunk)
            assert took(began) < 0.9
        finally:
            os.kill(stuck, signal.SIGCONT)
        server.wait_log(f"worker process {stuck} has read no messages for 1 s")
        after = itertools.count()
        eventually(lambda: publishers[publishing].post("/stuck", b"%d" % next(after)) and server.count("reads again"))
        received = _until(listeners[stuck], str.isdigit)
        lost = [int(each.removeprefix("lost ")) for each in received if each.startswith("lost")]
        whole = [each for each in received if len(each) == 50_000]
        assert lost
        assert sum(lost) + len(whole) == 40 + int(received[-1])


@pytest.mark.long
def test_a_stuck_worker_that_dies_holds_up_nobody(uwsgi: Servers) -> None:
    """Several requests wait for it when the kernel closes its sockets."""
    server = start(uwsgi, 2)
    server.may_outstay = True
    chunk = b"\n".join([b"y" * 50_000] * 20)
    with everywhere(server, "dying") as listeners, connections(server) as publishers:
        (stuck, publishing) = listeners
        address = next(each for each, pid in zip(addresses(server), listeners, strict=True) if pid == publishing)
        publishers[publishing].post("/dying", b"before")
        os.kill(stuck, signal.SIGSTOP)
        with ExitStack() as stack, ThreadPoolExecutor(5) as pool:
            clients = [stack.enter_context(Http1(address)) for _ in range(5)]
            answers = [pool.submit(client.post, "/dying", chunk) for client in clients]
            time.sleep(0.3)  # They have filled the socket by then; there is no other sign of it.
            os.kill(stuck, signal.SIGKILL)
            assert [answer.result(10).status for answer in answers] == [200] * 5
        assert not server.count("exception in")


def _until(client: ClientConnection, is_last: Callable[[str], bool]) -> list[str]:
    received = [str(client.recv(timeout=5))]
    while not is_last(received[-1]):
        received.append(str(client.recv(timeout=5)))
    return received


@pytest.mark.parametrize("command", ["c", pytest.param("r", marks=pytest.mark.long)])
def test_new_workers_take_part(uwsgi: Servers, command: str) -> None:
    server = start(uwsgi, 2)
    with everywhere(server, "again"), Http1(addresses(server)[0]) as publisher:
        publisher.post("/again", b"before")
    server.reload(command)
    with everywhere(server, "again") as listeners, Http1(addresses(server)[0]) as publisher:
        publisher.post("/again", b"after")
        assert {listener.recv(timeout=5) for listener in listeners.values()} == {"after"}


@pytest.mark.long
def test_a_publisher_that_ends_loses_nothing(uwsgi: Servers) -> None:
    """What it has published waits in the kernel for a worker that does not read just now."""
    server = start(uwsgi, 2)
    with everywhere(server, "ending") as listeners, connections(server) as publishers:
        reader, publisher = listeners
        publishers[reader].request("/block", "POST", b"2")
        publishers[publisher].post("/ending", b"\n".join(b"%d" % number for number in range(20)))
        os.kill(publisher, signal.SIGKILL)
        server.may_outstay = True
        assert [listeners[reader].recv(timeout=5) for _ in range(20)] == [str(number) for number in range(20)]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_is_not_heard(server: Server) -> None:
    with everywhere(server, "safe") as listeners, Http1(addresses(server)[0]) as publisher:
        pid = next(iter(listeners))
        name, frame = address(server.master_pid, pid), numbered(1) + encode("safe", "forged")
        code = f"""
import os, socket
os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect({name!r})
try:
    s.send({frame!r})
    s.recv(1)
except OSError:
    pass
"""
        subprocess.run([sys.executable, "-c", code], check=True, timeout=10)
        server.wait_log("of user 65534 may not send messages to this worker")
        publisher.post("/safe", b"true")
        assert {listener.recv(timeout=5) for listener in listeners.values()} == {"true"}


def test_what_is_no_message_ends_its_connection_alone(server: Server) -> None:
    with everywhere(server, "broken") as listeners, Http1(addresses(server)[0]) as publisher:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.settimeout(5)
            stranger.connect(address(server.master_pid, next(iter(listeners))))
            stranger.send(b"short")
            assert stranger.recv(1) == b""
        publisher.post("/broken", b"true")
        assert {listener.recv(timeout=5) for listener in listeners.values()} == {"true"}


def test_a_message_for_this_worker_alone(server: Server) -> None:
    with everywhere(server, "here") as listeners, connections(server) as publishers:
        for pid, publisher in publishers.items():
            publisher.post("/here?here=1", str(pid).encode())
            publisher.post("/here", b"everywhere")
        for pid, listener in listeners.items():
            heard = [listener.recv(timeout=5) for _ in range(PROCESSES + 1)]
            assert sorted(map(str, heard)) == [str(pid), *["everywhere"] * PROCESSES]


def test_the_spooler_publishes_too(server: Server) -> None:
    with everywhere(server, "spooled") as listeners, Http1(addresses(server)[0]) as client:
        for text in ("first job", "second job"):
            client.post("/spool", text.encode())
            assert {listener.recv(timeout=10) for listener in listeners.values()} == {text}


def test_nothing_is_listened_for_without_a_subscription(uwsgi: Servers) -> None:
    server = start(uwsgi, 2)
    with Http1(addresses(server)[0]) as client:
        client.post("/nobody", b"unheard")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        for pid in server.worker_pids():
            with pytest.raises(ConnectionRefusedError):
                stranger.connect(address(server.master_pid, pid))
