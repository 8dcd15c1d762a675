"""TLS records that bring nothing: whoever sends many of them is ended, and keeps nobody waiting."""

import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from support.certificates import Authority, connect_tls
from support.https import Https
from support.tls13 import ALERT, APPLICATION_DATA, Tls13
from support.uwsgi import Server, Servers

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"

# An honest client's answer may take so long meanwhile, in seconds. A flood of 4,000 KeyUpdates took 0.16 in one read.
SLOWEST = 0.1


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(module="mirror:app", trio_certfile=certificate, trio_keyfile=key)


@pytest.fixture
def client(server: Server, authority: Authority, tmp_path: Path) -> Tls13:
    return Tls13(server.address, authority.client_context(), tmp_path)


def _key_updates(client: Tls13) -> bytes:
    return b"".join(client.key_update() for _ in range(4000))


def _padded(client: Tls13) -> bytes:
    return b"".join(client.key_update(padding=1000) for _ in range(200))


def _between_bytes(client: Tls13) -> bytes:
    one = (client.key_update() + client.record(APPLICATION_DATA, b"\n") for _ in range(2000))
    return b"".join(one)


def _empty(client: Tls13) -> bytes:
    return b"".join(client.record(APPLICATION_DATA, b"") for _ in range(1000))


def _alerts(client: Tls13) -> bytes:
    """Warnings that a user has cancelled something (RFC 8446 section 6.1)."""
    return b"".join(client.record(ALERT, b"\1\x5a") for _ in range(1000))


@pytest.mark.parametrize("flood", [_key_updates, _padded, _between_bytes, _empty, _alerts])
def test_a_flood_ends_its_connection_and_keeps_nobody_waiting(
    server: Server, authority: Authority, client: Tls13, flood: Callable[[Tls13], bytes]
) -> None:
    records = flood(client)
    with Https(connect_tls(server.address, authority.client_context())) as honest, ThreadPoolExecutor() as pool:
        assert honest.get("/").body == b"hello"
        ended = pool.submit(_send_until_ended, client, records)
        times: list[float] = []
        while not ended.done() or len(times) < 50:
            begun = time.perf_counter()
            assert honest.get("/").body == b"hello"
            times.append(time.perf_counter() - begun)
        assert ended.result()
    assert sorted(times)[len(times) * 99 // 100] < SLOWEST
    if flood in (_key_updates, _padded, _between_bytes):  # OpenSSL itself refuses the others.
        server.wait_log("too many of its TLS records bring nothing")


def _send_until_ended(client: Tls13, records: bytes) -> bool:
    """Send it all; returns whether the server has ended the connection."""
    client.socket.settimeout(5)
    with suppress(ConnectionError):
        client.socket.sendall(records)
        while client.socket.recv(65536):
            pass
    return True


def test_new_keys_now_and_then_are_followed(client: Tls13) -> None:
    for _ in range(40):
        records = client.key_update() + b"".join(client.record(APPLICATION_DATA, REQUEST, 300) for _ in range(64))
        client.socket.sendall(records)
    client.socket.sendall(client.record(APPLICATION_DATA, REQUEST.replace(b"Host", b"Connection: close\r\nHost")))
    client.socket.settimeout(10)
    received = 0
    while data := client.socket.recv(65536):
        received += len(data)
    assert received > 40 * 64 * len(b"HTTP/1.1 200 OK\r\n\r\nhello")


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_many_small_records_with_bytes_are_taken(server: Server, authority: Authority, version: str) -> None:
    context = authority.client_context("http/1.1")
    context.maximum_version = context.minimum_version = ssl.TLSVersion[version]
    with Https(connect_tls(server.address, context)) as client:
        client.socket.sendall(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(3000):
            client.socket.sendall(b"x")
        assert client.response().body == b"x" * 3000
        assert client.get("/").body == b"hello"
