"""Answers whose pieces leave together, to a client that reads later."""

import pytest
from support.http1 import Http1, count_waiting
from support.uwsgi import Server, Servers
from support.waiting import eventually

# More than a UNIX socket takes at once.
COUNT, SIZE = 5, 65536


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_all_leaves_before_the_end(server: Server, version: str) -> None:
    """In HTTP/1.0 that is the end of the connection, and the last message has no piece."""
    with Http1(server.unix_path) as client:
        client.send(f"GET /early HTTP/{version}\r\nHost: t\r\nConnection: keep-alive\r\n\r\n".encode())
        client.response()
        client.send(f"GET /flood?count={COUNT}&size={SIZE} HTTP/{version}\r\nHost: t\r\n\r\n".encode())
        eventually(lambda: count_waiting(client.socket) > 2 * SIZE)
        assert client.response().body == b"x" * COUNT * SIZE
