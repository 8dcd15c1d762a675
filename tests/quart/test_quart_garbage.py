"""Requests of Quart leave little to Python's garbage collector, which costs each of them a tenth of its time."""

import pytest
from support.figures import with_status
from support.http1 import Http1
from support.http2 import Http2
from support.uwsgi import Server, Servers

REQUESTS = 50

# Objects that nobody can reach any more, of each request: eight are in circles of Quart's own.
LEFT = 10


@pytest.fixture(scope="module", params=["plain", "status", "slow way"])
def server(request: pytest.FixtureRequest, module_uwsgi: Servers) -> Server:
    status = with_status() if request.param == "status" else {}
    return module_uwsgi(module="quart_garbage:app", trio_quart_direct=request.param != "slow way", **status)


def test_over_http1(server: Server) -> None:
    with Http1(server.address) as client:
        for _ in range(2):  # The first ones import and remember.
            for _ in range(REQUESTS):
                assert client.get("/").text == "hello"
            left = int(client.get("/garbage").text)
        assert left < LEFT * REQUESTS


def test_over_http2(server: Server) -> None:
    with Http2(server.address).begin() as client:
        for _ in range(2):
            for _ in range(REQUESTS):
                assert client.response(client.request("/")) == (200, b"hello")
            left = int(client.response(client.request("/garbage"))[1])
        assert left < LEFT * REQUESTS
