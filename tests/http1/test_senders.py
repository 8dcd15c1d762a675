"""Apps that send from several tasks at a time, or when their answer is complete: what a client gets is in order."""

import socket
from collections import Counter
from collections.abc import Iterator

import pytest
from support.certificates import Authority, connect_tls
from support.http1 import Http1
from support.http2 import Http2
from support.https import Https
from support.uwsgi import Server, Servers

SIZE, ROUNDS = 3_000_000, 3


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, authority: Authority) -> Server:
    certificate, key = authority.serve("server.test")
    return module_uwsgi(module="senders:app", trio_certfile=certificate, trio_keyfile=key, trio_clear_text=True)


@pytest.fixture(params=["plain", "TLS"])
def client(request: pytest.FixtureRequest, server: Server, authority: Authority) -> Iterator[Http1]:
    """One that reads little at a time."""
    tls = request.param == "TLS"
    client = Https(connect_tls(server.address, authority.client_context())) if tls else Http1(server.address)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    with client:
        yield client


def test_what_is_sent_beyond_the_end_is_ignored(server: Server, client: Http1) -> None:
    before = server.count("sent beyond the end")
    for _ in range(2):
        assert client.get("/beyond").text == "answer"
    server.wait_log("sent beyond the end", count=before + 2)
    assert server.count("exception in GET /beyond") == 0


def test_the_same_over_http2(server: Server) -> None:
    before = server.count("sent beyond the end")
    with Http2(server.address).begin() as client:
        for _ in range(2):
            assert client.response(client.request("/beyond")) == (200, b"answer")
    server.wait_log("sent beyond the end", count=before + 2)
    assert server.count("exception in GET /beyond") == 0


def test_pieces_of_several_tasks_are_whole(server: Server, client: Http1) -> None:
    """None has a piece of another one in it, though all of them wait for the client."""
    before = server.count("all of them send")
    client.request("/tasks")
    server.wait_log("all of them send", count=before + 1)
    client.head()
    got: Counter[str] = Counter()
    while chunk := client.chunk():
        (letter,) = set(chunk)
        got[chr(letter)] += len(chunk)
    assert set(got) >= set("abc")
    assert set(got.values()) == {SIZE * ROUNDS}
    assert client.get("/").text == "hello"


def test_one_that_gives_up_in_the_queue_ends_the_connection(server: Server, client: Http1) -> None:
    before = server.count("gave up")
    client.request("/impatient")
    server.wait_log("gave up", count=before + 1)
    client.head()
    with pytest.raises(ConnectionError):
        while client.chunk():
            pass


def test_who_is_cancelled_may_still_answer(server: Server, client: Http1) -> None:
    before = server.count("has answered")
    assert client.get("/cancelled").text == "over"
    server.wait_log("has answered", count=before + 1)
