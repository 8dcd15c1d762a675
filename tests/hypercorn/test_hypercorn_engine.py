"""The other engine: what it promises, over real connections."""

import signal
from pathlib import Path

import httpx
import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1
from support.http2 import Http2
from support.https import Https
from support.uwsgi import Server, Servers
from support.websocket import open_


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(trio_engine="hypercorn")


def test_http1(server: Server) -> None:
    with Http1(server.address) as client:
        for _ in range(3):
            assert client.get("/").text == "hello"


def test_http2(server: Server) -> None:
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/")) == (200, b"hello")


def test_websocket(server: Server) -> None:
    with open_(server, "/ws") as client:
        client.send("one")
        assert client.recv(timeout=5) == "one"


def test_tls(uwsgi: Servers, authority: Authority) -> None:
    certificate, key = authority.serve("server.test")
    server = uwsgi(trio_engine="hypercorn", trio_certfile=certificate, trio_keyfile=key)
    with Https(connect_tls(server.address, authority.client_context())) as client:
        assert client.get("/").text == "hello"


def test_what_an_app_raises_ends_its_request(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.get("/raise").status == 500
    with Http1(server.address) as client:
        assert client.get("/").status == 200
    server.wait_log("exception in GET /raise")


def test_harakiri_cancels_a_request(uwsgi: Servers) -> None:
    server = uwsgi(trio_engine="hypercorn", harakiri=1)
    with Http1(server.address) as client:
        assert client.get("/sleep?seconds=60").status == 504


def test_requests_are_logged(server: Server) -> None:
    httpx.get(f"{server.url}/?logged=by-us")
    server.wait_log("GET /.*logged=by-us => generated 5 bytes")


@pytest.mark.parametrize("way", ["r", "c"])
def test_a_reload_lets_requests_finish(uwsgi: Servers, way: str) -> None:
    server = uwsgi(trio_engine="hypercorn", processes=2)
    with Http1(server.address) as busy:
        busy.request("/sleep?seconds=1")
        server.wait_log("sleeping")
        server.fifo(way)
        assert busy.response().text == "slept"
    server.wait_accepting(4)


def test_a_destroy_ends_it(uwsgi: Servers) -> None:
    server = uwsgi(trio_engine="hypercorn")
    with Http1(server.address) as client:
        client.request("/sleep?seconds=60")
        server.wait_log("sleeping")
        server.signal(signal.SIGINT)
        server.wait_end()


def test_the_demonstration(uwsgi: Servers) -> None:
    server = uwsgi(trio_engine="hypercorn", module="app:app")
    assert "<html" in httpx.get(server.url).text
    assert httpx.get(f"{server.url}/hello").status_code == 200


def test_it_is_hypercorn_that_serves(server: Server) -> None:
    """h11 takes every token for a method, and llhttp, the parser of our own lane, does not."""
    with Http1(server.address) as client:
        client.send(b"WHATEVER / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert client.response().status == 200


def test_what_has_an_id_and_what_has_none(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "hypercorn.toml").write_text('server_names = ["ours.test"]\nh11_max_incomplete_size = 4096\n')
    server = uwsgi(
        trio_engine="hypercorn", trio_request_id="x-request-id", trio_hypercorn_config=tmp_path / "hypercorn.toml"
    )
    host = b"Host: ours.test\r\n"
    upgrade = host + b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\n"
    answers: list[tuple[int, bool, bytes]] = [
        (200, True, b"GET / HTTP/1.1\r\n" + host + b"\r\n"),
        (500, True, b"GET /raise HTTP/1.1\r\n" + host + b"\r\n"),
        # Hypercorn's own, as docs/following.md has them.
        (400, False, b"GET / HTTP/1.1\r\n" + host + b"a b: c\r\n\r\n"),
        (431, False, b"GET / HTTP/1.1\r\n" + host + b"a: " + b"b" * 20_000),
        (400, False, b"GET /ws HTTP/1.1\r\n" + upgrade + b"\r\n"),
        (404, False, b"GET / HTTP/1.1\r\nHost: theirs.test\r\n\r\n"),
    ]
    for status, has_id, request in answers:
        with Http1(server.address) as client:
            client.send(request)
            head = client.head()
        assert (head.status, "x-request-id" in head.headers) == (status, has_id), request
