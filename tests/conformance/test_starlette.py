"""The promises of Starlette to its users, seen from outside, over HTTP/1.1 and HTTP/2."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h2.events
import httpx
import pytest
from support.http1 import Http1, post_head
from support.http2 import Http2
from support.uwsgi import Server, Servers
from support.websocket import open_
from websockets.exceptions import ConnectionClosed, InvalidStatus

HERE = Path(__file__).parents[1] / "apps"


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="starlette_promises:app")


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    is_http2 = request.param == "HTTP/2"
    with httpx.Client(base_url=server.url, http1=not is_http2, http2=is_http2, timeout=10) as opened:
        yield opened


# In front of the routes: nothing, and Starlette's own middleware that puts a stream of its own around everything.
PLACES = pytest.mark.parametrize("place", ["", "/middle", "/gzip"])


class TestAnswers:
    def test_the_state_of_the_lifespan(self, client: httpx.Client) -> None:
        assert client.get("/state").text == "starlette"

    def test_urls(self, client: httpx.Client, server: Server) -> None:
        told = client.get("/about/a+b?q=1&q=%C3%A9", headers={"cookie": "a=b; c=d"}).json()
        assert told["url"] == f"{server.url}/about/a+b?q=1&q=%C3%A9"
        assert told["own"] == f"{server.url}/about/me"
        assert (told["name"], told["query"], told["cookies"]) == ("a+b", {"q": "é"}, {"a": "b", "c": "d"})

    def test_a_mount(self, client: httpx.Client, server: Server) -> None:
        told = client.get("/cors/about/x").json()
        assert (told["root_path"], told["url"]) == ("/cors", f"{server.url}/cors/about/x")

    @PLACES
    def test_streams(self, client: httpx.Client, place: str) -> None:
        assert client.get(f"{place}/stream").text == "0 1 2 3 4 "
        assert client.get(f"{place}/stream-in-threads").text == "other " * 5

    @PLACES
    def test_head_has_no_body(self, client: httpx.Client, place: str) -> None:
        for path in ("state", "stream", "file"):
            response = client.head(f"{place}/{path}")
            assert (response.status_code, response.content) == (200, b"")
        assert client.get("/state").text == "starlette"

    def test_cookies(self, client: httpx.Client) -> None:
        given = client.get("/cookies").headers.get_list("set-cookie")
        assert [each.split("=")[0] for each in given] == ["a", "b", "c"]
        client.cookies.clear()

    def test_a_redirect(self, client: httpx.Client) -> None:
        response = client.get("/redirect", follow_redirects=True)
        assert (response.text, len(response.history)) == ("starlette", 1)

    def test_trio_itself(self, client: httpx.Client) -> None:
        assert client.get("/trio").text == "True"

    def test_threads_know_their_request(self, server: Server) -> None:
        def ask(number: int) -> str:
            return httpx.get(f"{server.url}/threads?n={number}", timeout=10).text

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(24))) == [str(n) for n in range(24)]


class TestBodies:
    @PLACES
    @pytest.mark.parametrize("size", [0, 1, 1_000_000])
    def test_a_stream(self, client: httpx.Client, place: str, size: int) -> None:
        pieces = (b"x" * min(10_000, size - at) for at in range(0, size, 10_000))
        assert client.post(f"{place}/body-stream", content=pieces).text == str(size)

    @PLACES
    def test_a_form(self, client: httpx.Client, place: str) -> None:
        files = {"file": ("a.txt", b"y" * 200_000)}
        told = client.post(f"{place}/form", data={"word": "é"}, files=files).json()
        assert told == {"word": "é", "name": "a.txt", "size": 200_000}


class TestFiles:
    def test_a_file(self, client: httpx.Client) -> None:
        whole = (HERE / "starlette_promises.py").read_bytes()
        response = client.get("/file")
        assert response.content == whole
        assert "a%20b.py" in response.headers["content-disposition"]
        part = client.get("/file", headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole[10:20])
        two = client.get("/file", headers={"range": "bytes=0-4,10-14"})
        assert two.status_code == 206
        assert whole[:5] in two.content
        assert two.headers["content-type"].startswith("multipart/byteranges")
        assert client.get("/file", headers={"range": f"bytes={len(whole)}-"}).status_code == 416

    def test_static_files(self, client: httpx.Client) -> None:
        response = client.get("/static/probe.py")
        assert response.content == (HERE / "probe.py").read_bytes()
        again = client.get("/static/probe.py", headers={"if-none-match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/static/missing").status_code == 404
        assert client.post("/static/probe.py").status_code == 405


class TestMiddleware:
    def test_a_function(self, client: httpx.Client) -> None:
        assert client.get("/middle/state").headers["x-middle"] == "yes"

    def test_gzip(self, client: httpx.Client) -> None:
        response = client.get("/gzip/stream")
        assert (response.headers["content-encoding"], response.text) == ("gzip", "0 1 2 3 4 ")
        assert client.get("/gzip/file").content == (HERE / "starlette_promises.py").read_bytes()

    def test_cors(self, client: httpx.Client) -> None:
        origin = {"origin": "https://a.test"}
        assert client.get("/cors/state", headers=origin).headers["access-control-allow-origin"] == "https://a.test"
        asked = client.options("/cors/state", headers={**origin, "access-control-request-method": "GET"})
        assert asked.status_code == 200

    def test_trusted_hosts(self, client: httpx.Client) -> None:
        assert client.get("/hosts/state").status_code == 400
        assert client.get("/hosts/state", headers={"host": "a.test"}).status_code == 200


class TestExceptions:
    def test_one_with_a_status(self, client: httpx.Client) -> None:
        response = client.get("/http-exception")
        assert (response.status_code, response.text, response.headers["x-kind"]) == (418, "a teapot", "teapot")

    def test_one_with_a_handler(self, client: httpx.Client) -> None:
        assert (client.get("/unlucky").status_code, client.get("/unlucky").text) == (503, "unlucky")

    @PLACES
    def test_one_that_nobody_expected(self, client: httpx.Client, server: Server, place: str) -> None:
        """Starlette answers by 500 and raises it all the same, for the server's log."""
        records = server.count("ValueError: raised on request")
        response = client.get(f"{place}/fails")
        assert (response.status_code, response.text) == (500, "Internal Server Error")
        server.wait_log("ValueError: raised on request", records + 1)
        assert client.get("/state").text == "starlette"

    @pytest.mark.parametrize("place", ["", "/gzip"])  # BaseHTTPMiddleware ends the stream before it raises.
    def test_one_amid_a_stream(self, client: httpx.Client, server: Server, place: str) -> None:
        records = server.count("ValueError: in the middle of a stream")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"{place}/stream-fails")
        server.wait_log("ValueError: in the middle of a stream", records + 1)
        assert client.get("/state").text == "starlette"


class TestAfterwards:
    @PLACES
    def test_background_tasks(self, client: httpx.Client, server: Server, place: str) -> None:
        done = server.count("background done")
        response = client.get(f"{place}/background")
        assert response.text == "answered"
        assert server.count("background done") == done
        assert client.get("/state").text == "starlette"
        server.wait_log("background done", done + 1)
        server.wait_log("background in False", done + 1)

    def test_one_that_fails(self, client: httpx.Client, server: Server) -> None:
        records = server.count("ValueError: in the background")
        assert client.get("/background-fails").text == "answered"
        server.wait_log("ValueError: in the background", records + 1)

    def test_a_task_of_the_lifespan(self, client: httpx.Client, server: Server) -> None:
        done = server.count("lifespan task done")
        assert client.get("/lifespan-task").text == "started"
        server.wait_log("lifespan task done", done + 1)


class TestClientsThatLeave:
    def test_a_stream_is_ended(self, server: Server) -> None:
        over = server.count("endless stream over")
        with Http1(server.address) as client:
            client.request("/endless")
            client.head()
            client.chunk()
        server.wait_log("endless stream over", over + 1)

    def test_a_stream_of_http2_is_ended(self, server: Server) -> None:
        over = server.count("endless stream over")
        with Http2(server.address).begin() as client:
            stream = client.request("/endless")
            client.wait(h2.events.DataReceived)
            client.connection.reset_stream(stream)
            client.flush()
            server.wait_log("endless stream over", over + 1)
            assert client.response(client.request("/state")) == (200, b"starlette")

    def test_is_disconnected(self, server: Server) -> None:
        before = server.count("disconnected False"), server.count("looking over")
        with Http1(server.address) as client:
            client.request("/disconnected")
            server.wait_log("disconnected False", before[0] + 1)
        assert server.wait_log("looking over.*", before[1] + 1).endswith("False")

    def test_amid_a_body(self, server: Server) -> None:
        before = server.count("ClientDisconnect")
        with Http1(server.address) as client:
            post_head(client, "/body-stream", "Content-Length: 100")
            client.send(b"half")
            client.socket.shutdown(socket.SHUT_WR)
            server.wait_log("ClientDisconnect", before + 1)


class TestWebSockets:
    def test_echo(self, server: Server) -> None:
        with open_(server, "/ws", subprotocols=["chat"]) as client:
            assert client.subprotocol == "chat"
            assert client.response is not None
            assert client.response.headers["x-own"] == "1"
            for message in ("a text", b"bytes", "é" * 70_000):
                client.send(message)
                assert client.recv(timeout=5) == message

    @pytest.mark.parametrize("code", [1000, 1001, 4321])
    def test_the_code_of_the_client(self, server: Server, code: int) -> None:
        before = server.count(f"WebSocketDisconnect {code}")
        with open_(server, "/ws") as client:
            client.close(code)
        server.wait_log(f"WebSocketDisconnect {code}", before + 1)

    def test_json_and_the_code_of_the_app(self, server: Server) -> None:
        with open_(server, "/json?user=me") as client:
            client.send('{"a": 1}')
            assert client.recv(timeout=5) == '{"a":1,"user":"me"}'
            assert client.recv(timeout=5) == b'{"a":1}'
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "enough")

    @pytest.mark.parametrize(("path", "status"), [("/denies", 429), ("/refuses", 403), ("/missing", 403)])
    def test_one_that_is_refused(self, server: Server, path: str, status: int) -> None:
        with pytest.raises(InvalidStatus) as refused, open_(server, path):
            pass
        assert refused.value.response.status_code == status
        if status == 429:
            assert refused.value.response.body == b'{"why":"full"}'
            assert refused.value.response.headers["retry-after"] == "5"

    def test_one_that_fails(self, server: Server) -> None:
        with open_(server, "/session-fails") as client, pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011


def test_the_lifespan_ends_with_the_worker(uwsgi: Servers) -> None:
    server = uwsgi(module="starlette_promises:app")
    server.reload("r")
    server.wait_log("lifespan over")
