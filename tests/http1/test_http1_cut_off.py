"""Answers that their apps leave incomplete: all that was sent comes, and the end does not."""

import time

import pytest
from support.bodies import SCRIPTED, body_of
from support.http1 import Http1, connect
from support.packets import read, request
from support.uwsgi import Server, Servers

# More than a UNIX socket takes at once, in one step of the app.
STEPS = "p10.w100.p60000.p60000.p60000.p60000"
SIZE = 240_010


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(**SCRIPTED, trio_write_timeout=3)


@pytest.mark.parametrize("end", ["x", "q", "w100.x"])
def test_what_was_sent_comes_in_chunks(server: Server, end: str) -> None:
    with Http1(server.unix_path) as client:
        client.request(f"/?id=1&do={STEPS}.{end}")
        client.head()
        time.sleep(1)
        body = b""
        while len(body) < SIZE:
            body += client.chunk()
        assert body == body_of(1, 0, SIZE)
        assert client.rest() == b""


@pytest.mark.parametrize("end", ["x", "q", "w100.x"])
def test_what_was_sent_comes_behind_a_packet(server: Server, end: str) -> None:
    with connect(server.unix_path) as sock:
        sock.sendall(request(f"/?id=2&do={STEPS}.{end}"))
        time.sleep(1)
        assert read(sock).body == body_of(2, 0, SIZE)


def test_who_does_not_read_it_has_the_time_of_a_write(server: Server) -> None:
    with Http1(server.unix_path) as client:
        client.request(f"/?id=3&do={STEPS}.x")
        client.head()
        time.sleep(6)
        assert len(client.rest()) < SIZE


@pytest.mark.parametrize("kind", ["start", "body", "trailers"])
def test_messages_behind_the_end_let_others_run(server: Server, kind: str) -> None:
    with Http1(server.address) as client, Http1(server.address) as other:
        assert client.get(f"/?id=4&do=P10.e_{kind}").body == body_of(4, 0, 10)
        began = time.monotonic()
        assert other.get("/").text == "hello"
        assert time.monotonic() < began + 1.5


@pytest.mark.parametrize("end", ["x", "q", "w9000"])
def test_what_was_sent_comes_though_the_client_has_asked_for_more(uwsgi: Servers, end: str) -> None:
    """A close with unread bytes would take along what waits in the kernel (RFC 9112 section 9.6)."""
    server = uwsgi(**SCRIPTED, harakiri=1)
    with Http1(server.address) as client:
        client.request(f"/?id=5&do=p200000.w200.p100000.{end}")
        client.head()
        client.request("/")
        body = b""
        time.sleep(2)
        while len(body) < 300_000:
            body += client.chunk()
        assert body == body_of(5, 0, 300_000)
        assert client.rest() == b""
