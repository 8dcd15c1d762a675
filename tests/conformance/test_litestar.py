"""A Litestar app on the worker, over HTTP/1.1 and HTTP/2."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.uwsgi import Server, Servers
from support.websocket import open_
from websockets.exceptions import ConnectionClosed, InvalidStatus

APP = Path(__file__).parents[1] / "apps" / "litestar_app.py"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="litestar_app:app")


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    is_http2 = request.param == "HTTP/2"
    with httpx.Client(base_url=server.url, http1=not is_http2, http2=is_http2, timeout=10) as opened:
        yield opened


def test_the_state_of_the_lifespan(client: httpx.Client) -> None:
    assert client.get("/").text == "litestar"
    assert client.get("/below").text == "litestar"


def test_a_function_in_a_thread(client: httpx.Client) -> None:
    assert client.get("/sync").text == "from a thread"


def test_data_is_checked(client: httpx.Client) -> None:
    response = client.post("/orders", json={"name": "a", "count": 1})
    assert (response.status_code, response.json()) == (201, {"name": "a", "count": 2})
    assert client.post("/orders", json={"name": "a", "count": "many"}).status_code == 400
    assert client.get("/orders").status_code == 405


def test_an_upload(client: httpx.Client) -> None:
    response = client.post("/upload", files={"data": ("a.txt", b"y" * 200_000)})
    assert response.json() == {"name": "a.txt", "size": 200_000}


def test_dependencies_are_cleaned_up(client: httpx.Client, server: Server) -> None:
    before = server.count("session over")
    assert client.get("/dependency").text == "a session, a thread"
    server.wait_log("session over", before + 1)


def test_streams(client: httpx.Client) -> None:
    assert client.get("/stream").text == "0 1 2 3 4 "
    assert client.get("/events").text == "data: 0\r\n\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n"


def test_a_background_task(client: httpx.Client, server: Server) -> None:
    before = server.count("background done")
    assert client.get("/background").text == "answered"
    assert server.count("background done") == before
    server.wait_log("background done", before + 1)


def test_files(client: httpx.Client) -> None:
    assert client.get("/file").content == APP.read_bytes()
    assert client.get("/static/litestar_app.py").content == APP.read_bytes()
    assert client.get("/static/missing").status_code == 404


def test_exceptions(client: httpx.Client, server: Server) -> None:
    response = client.get("/fails")
    assert response.status_code == 500
    assert response.json()["detail"] == "Internal Server Error"
    assert client.get("/guarded").status_code == 401


def test_websockets(server: Server) -> None:
    with open_(server, "/listener") as client:
        client.send('{"a": 1}')
        assert client.recv(timeout=5) == '{"a":2}'
    before = server.count("session of a websocket over")
    with open_(server, "/ws") as client:
        client.send("a text")
        assert client.recv(timeout=5) == "a text"
    server.wait_log("session of a websocket over", before + 1)


def test_a_websocket_that_is_refused(server: Server) -> None:
    with pytest.raises((InvalidStatus, ConnectionClosed)) as refused, open_(server, "/guarded-ws") as client:
        client.recv(timeout=5)
    assert isinstance(refused.value, InvalidStatus)
    assert refused.value.response.status_code == 403


def test_the_lifespan_ends_with_the_worker(uwsgi: Servers) -> None:
    server = uwsgi(module="litestar_app:app")
    server.reload("r")
    server.wait_log("lifespan over")
