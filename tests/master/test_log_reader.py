"""A log that is a pipe which nobody reads for a while."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.http1 import Http1
from support.piped import PIPE, PipedServer
from support.waiting import eventually

from trio_worker.master.access_log.descriptor import PATIENCE, LogDescriptor

# Requests whose lines are some times what a pipe holds.
MANY = 100

FULL = b"x" * PIPE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipedServer]:
    server = PipedServer(tmp_path_factory.mktemp("u"), {})
    server.start()
    try:
        server.wait_accepting(1)
        yield server
    finally:
        server.reading.set()
        server.close()


@pytest.mark.parametrize("path", ["/", "/raise"])
def test_no_request_is_held_up(server: PipedServer, path: str) -> None:
    server.reading.clear()
    began = time.monotonic()
    try:
        for _ in range(MANY):
            with Http1(server.address) as client:
                client.get(path)
    finally:
        server.reading.set()
    assert time.monotonic() - began < 8
    logged = server.count("GET /read-again")

    def is_logged_again() -> bool:
        with Http1(server.address) as client:
            client.get("/read-again")
        return server.count("GET /read-again") > logged

    eventually(is_logged_again)  # A line is lost as long as the reader has not made room.


@pytest.fixture(params=["pipe", "socket", "another user's pipe"])
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The reader's and the writer's end of something that blocks when it is full."""
    if request.param == "socket":
        reader, writer = (sock.detach() for sock in socket.socketpair())
    else:
        reader, writer = os.pipe()
    if request.param == "another user's pipe":
        monkeypatch.setattr(os, "open", _not_allowed)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def _not_allowed(*arguments: object) -> int:
    raise PermissionError


def fill(writer: int) -> LogDescriptor:
    """Fill what lies between the ends, and leave the writer as it was: blocking."""
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, FULL)
    os.set_blocking(writer, True)
    return LogDescriptor(writer)


def drain(reader: int) -> bytes:
    """Read what lies between the ends."""
    os.set_blocking(reader, False)
    found = b""
    with suppress(BlockingIOError):
        while True:
            found += os.read(reader, 65536)
    return found


def test_a_reader_that_hangs_is_waited_for_once(ends: tuple[int, int]) -> None:
    reader, writer = ends
    log = fill(writer)
    began = time.monotonic()
    for _ in range(100):
        log.write(b"lost")
    assert PATIENCE <= time.monotonic() - began < PATIENCE * 50
    assert b"lost" not in drain(reader)
    log.write(b"found")
    assert drain(reader) == b"found"


def test_a_reader_that_is_slow_loses_nothing(ends: tuple[int, int]) -> None:
    reader, writer = ends
    log = fill(writer)
    found: list[bytes] = []
    slow = threading.Timer(PATIENCE / 5, lambda: found.append(drain(reader)))
    slow.start()
    log.write(b"late")
    slow.join()
    assert (b"".join(found) + drain(reader)).endswith(b"late")
