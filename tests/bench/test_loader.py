"""The C client against a real uWSGI: it compiles, is answered, and counts what happens."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.clients import idle_connections, open_websocket, still_open
from benchmarks.h2load import h2load_as_browser
from benchmarks.load import Target
from benchmarks.loader import Loader
from benchmarks.running import BARE, QUART, Running, running
from benchmarks.servers import WORKER

SECONDS = 0.3


@pytest.fixture(scope="module")
def bare() -> Iterator[Running]:
    with running(WORKER, BARE) as started:
        yield started


@pytest.mark.parametrize("options", [(), ("-r",), ("-x",), ("-w32",), ("-w16384",), ("-w32", "-n8"), ("-w70000",)])
def test_every_kind_of_load_is_answered(bare: Running, options: tuple[str, ...]) -> None:
    load = bare.measure(lambda: Loader(*options, connections=4)(bare.target, SECONDS))
    assert load.requests > 10
    assert load.failed == 0
    assert 0 < load.cpu_seconds < 10 * SECONDS


def test_a_response_in_chunks_is_read_to_its_end(bare: Running) -> None:
    load = Loader(connections=2)(Target(bare.site.port, "/stream"), SECONDS)
    assert load.failed == 0
    assert load.requests
    assert load.bytes / load.requests > 1 << 20


def test_a_body_is_posted(tmp_path: Path) -> None:
    document = tmp_path / "body.json"
    document.write_text('{"name": "' + "x" * 10_000 + '"}')
    with running(WORKER, QUART) as started:
        load = Loader(connections=2)(Target(started.site.port, "/echo", body=document), SECONDS)
    assert load.failed == 0
    assert load.bytes / load.requests > 10_000


def test_what_no_route_answers_is_counted_as_failed() -> None:
    with running(WORKER, QUART) as started:
        load = Loader(connections=2)(Target(started.site.port, "/nowhere"), SECONDS)
    assert load.failed == load.requests > 0


def test_http2_is_loaded_by_h2load(bare: Running) -> None:
    load = h2load_as_browser(bare.target, SECONDS)
    assert load.requests > 10
    assert load.failed == 0


def test_idle_websockets_have_echoed_once_and_stay_open(bare: Running) -> None:
    with idle_connections(bare.site.port, 3, open_websocket) as connections:
        assert still_open(connections) == 3


def test_no_head_is_sent_twice() -> None:
    heads = _heads(Loader(connections=1))
    assert len(heads) > 10
    assert len(set(heads)) == len(heads)
    assert {head.count(b"\r\n") for head in heads} == {1 + 12}


def test_a_repeated_head_is_the_same_each_time() -> None:
    assert len(set(_heads(Loader("-r", connections=1)))) == 1


def _heads(client: Loader) -> list[bytes]:
    """Answer the client by hand, and return the heads that it sent."""
    heads: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionResetError):  # the end of the load cuts an answer off
            while head := connection.recv(65536):
                heads.append(head.removesuffix(b"\r\n"))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        client(Target(listener.getsockname()[1]), SECONDS)
        thread.join()
    return heads
