"""Responses as their client gets them: framing, the server's own headers, and what an app may get wrong."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from time import time

import pytest
from support.http1 import Http1
from support.uwsgi import Server, Servers

# The content of the app's file.
FILE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_behaviour:app")


@pytest.fixture
def client(server: Server) -> Iterator[Http1]:
    with Http1(server.address) as client:
        yield client


def answer_and_end(server: Server, request: str) -> bytes:
    """All bytes until the server closes."""
    with Http1(server.address) as client:
        client.send(request.encode())
        return client.rest()


class TestFraming:
    def test_one_message_gets_a_length(self, client: Http1) -> None:
        response = client.get("/early")
        assert (response.headers["content-length"], response.body) == ("5", b"early")

    def test_several_messages_get_chunks(self, client: Http1) -> None:
        response = client.get("/flood?count=3&size=1000")
        assert (response.headers["transfer-encoding"], response.headers["content-length"]) == ("chunked", None)
        assert response.body == b"x" * 3000

    def test_an_announced_length_stays(self, client: Http1) -> None:
        response = client.get("/length?announced=30&sizes=10,0,20")
        assert (response.headers.get_all("content-length"), response.body) == (["30"], b"x" * 30)

    def test_large_messages_arrive_whole(self, client: Http1) -> None:
        assert len(client.get("/flood?count=5&size=3000000").body) == 15_000_000

    def test_1_0_gets_no_chunks_but_an_end(self, server: Server) -> None:
        got = answer_and_end(server, "GET /flood?count=3&size=10 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = got.partition(b"\r\n\r\n")
        assert body == b"x" * 30
        assert b"connection: close" in head
        assert b"transfer-encoding" not in head

    def test_1_0_is_kept_alive_when_it_asks_and_there_is_a_length(self, client: Http1) -> None:
        for _ in range(2):
            client.send(b"GET /early HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert client.response().headers["connection"] == "keep-alive"

    @pytest.mark.parametrize("code", [204, 304])
    def test_without_a_body(self, client: Http1, code: int) -> None:
        client.request(f"/code?code={code}")
        head = client.head()
        assert (head.status, head.headers["transfer-encoding"], head.headers["content-length"]) == (code, None, None)
        assert client.get("/early").body == b"early"

    def test_204_loses_its_content_length(self, client: Http1) -> None:
        client.request("/code?code=204&length=1")
        assert client.head().headers["content-length"] is None
        assert client.get("/early").body == b"early"

    def test_304_keeps_its_content_length(self, client: Http1) -> None:
        client.request("/code?code=304&length=1")
        assert client.head().headers["content-length"] == "4"
        assert client.get("/early").body == b"early"

    def test_head_has_the_headers_and_no_body(self, client: Http1) -> None:
        client.request("/length?announced=30&sizes=30", "HEAD")
        assert client.head().headers["content-length"] == "30"
        client.request("/flood?count=3", "HEAD")
        assert client.head().status == 200
        assert client.get("/early").body == b"early"

    @pytest.mark.parametrize("code", [200, 299, 404, 418, 599, 799, 999])
    def test_any_final_status(self, client: Http1, code: int) -> None:
        assert client.get(f"/code?code={code}").status == code

    def test_an_iterator_of_headers(self, client: Http1) -> None:
        response = client.get("/once")
        assert (response.headers.get_all("content-length"), response.headers["x-a"]) == (["2"], "b")

    @pytest.mark.parametrize("kind", ["array", "view"])
    def test_bytes_by_another_name(self, client: Http1, kind: str) -> None:
        assert client.get(f"/odd?kind={kind}").body == b"text"


class TestHeadersOfTheServer:
    def test_date_and_server(self, client: Http1) -> None:
        headers = client.get("/early").headers
        assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time()) < 3
        assert headers["server"] == "trio-worker"

    @pytest.mark.parametrize("name", ["date", "Server"])
    def test_those_of_the_app_stand(self, client: Http1, name: str) -> None:
        headers = client.get(f"/header?name={name.encode().hex()}&value={b'mine'.hex()}").headers
        assert headers.get_all(name) == ["mine"]

    def test_options_drop_them(self, uwsgi: Servers) -> None:
        server = uwsgi(module="http1_behaviour:app", trio_date_header="false", trio_server_header="false")
        with Http1(server.address) as client:
            headers = client.get("/early").headers
            assert (headers["date"], headers["server"]) == (None, None)
            client.send(b"nonsense\r\n\r\n")
            assert client.head().headers["date"] is None

    def test_connection_close_of_the_app_closes(self, client: Http1) -> None:
        response = client.get(f"/header?name={b'Connection'.hex()}&value={b'Close'.hex()}")
        assert response.headers.get_all("connection") == ["close"]
        assert client.rest() == b""

    def test_transfer_encoding_is_not_the_apps_to_say(self, client: Http1) -> None:
        response = client.get(f"/header?name={b'Transfer-Encoding'.hex()}&value={b'chunked'.hex()}")
        assert (response.headers["transfer-encoding"], response.body) == (None, b"ok")


INVALID = {
    "line feed in a value": (b"x", b"a\nset-cookie: b"),
    "carriage return in a value": (b"x", b"a\rb"),
    "both in a value": (b"x", b"a\r\n\r\n<script>"),
    "NUL in a value": (b"x", b"a\0b"),
    "line break in a name": (b"x\r\ny", b"a"),
    "colon in a name": (b"x: y", b"a"),
    "space in a name": (b"x y", b"a"),
    "empty name": (b"", b"a"),
    "name that is not ASCII": (b"\xe9", b"a"),
    "length that is no number": (b"content-length", b"ten"),
    "length that is negative": (b"content-length", b"-1"),
    "length with a plus": (b"content-length", b"+2"),
    "empty length": (b"content-length", b""),
}


class TestFaultsOfTheApp:
    @pytest.mark.parametrize("pair", INVALID.values(), ids=INVALID)
    def test_invalid_headers(self, client: Http1, pair: tuple[bytes, bytes]) -> None:
        response = client.get(f"/header?name={pair[0].hex()}&value={pair[1].hex()}")
        assert (response.status, response.headers["connection"]) == (500, "close")
        assert client.rest() == b""

    @pytest.mark.parametrize("path", ["/two", "/code?code=100", "/code?code=99", "/code?code=1000", "/code?code=-1"])
    def test_invalid_heads(self, client: Http1, path: str) -> None:
        assert client.get(path).status == 500

    @pytest.mark.parametrize("path", ["/disorder", "/twice", "/silent", "/odd?kind=str", "/odd?kind=int"])
    def test_invalid_messages(self, client: Http1, path: str) -> None:
        assert client.get(path).status == 500
        assert client.rest() == b""

    def test_a_body_that_is_too_short_ends_the_connection(self, server: Server) -> None:
        errors = server.count("shorter than its Content-Length")
        got = answer_and_end(server, "GET /length?announced=30&sizes=10,10 HTTP/1.1\r\nHost: t\r\n\r\n")
        assert got.endswith(b"\r\n\r\n" + b"x" * 10)
        server.wait_log("shorter than its Content-Length", errors + 1)

    def test_a_body_that_is_too_long_is_cut(self, server: Server) -> None:
        errors = server.count("longer than its Content-Length")
        got = answer_and_end(server, "GET /length?announced=15&sizes=10,10 HTTP/1.1\r\nHost: t\r\n\r\n")
        assert got.endswith(b"\r\n\r\n" + b"x" * 10)
        server.wait_log("longer than its Content-Length", errors + 1)

    def test_a_body_too_long_at_once_is_a_500(self, client: Http1) -> None:
        assert client.get("/length?announced=5&sizes=10").status == 500

    def test_an_exception_before_the_head(self, server: Server, client: Http1) -> None:
        before = server.count("ValueError: raised on request")
        response = client.get("/raise")
        assert (response.status, response.headers["connection"]) == (500, "close")
        assert client.rest() == b""
        server.wait_log("ValueError: raised on request", before + 1)
        assert server.count("ValueError: raised on request") == before + 1

    def test_an_exception_behind_the_head(self, server: Server) -> None:
        got = answer_and_end(server, "GET /raise/late HTTP/1.1\r\nHost: t\r\n\r\n")
        assert got.endswith(b"\r\n\r\nhalf")
        server.wait_log("ValueError: raised in the middle of a response")

    def test_an_exception_group(self, server: Server, client: Http1) -> None:
        assert client.get("/raise/group").status == 500
        server.wait_log("ValueError: the first of a group")
        server.wait_log("ValueError: the second of a group")

    def test_a_connection_error_of_the_app_is_no_disconnect(self, server: Server, client: Http1) -> None:
        assert client.get("/database").status == 500
        server.wait_log("ConnectionRefusedError: the database is down")

    def test_a_send_that_was_given_up_ends_the_connection(self, server: Server) -> None:
        with Http1(server.address) as client:
            client.request("/bounded")
            assert client.head().status == 200
            server.wait_log("gave up")
            assert b"the end" not in client.rest()


class TestExtensions:
    def test_what_is_offered(self, client: Http1) -> None:
        offered = set(client.get("/extensions").text.split())
        known = {f"http.response.{name}" for name in ("trailers", "early_hint", "pathsend", "zerocopysend")}
        assert known <= offered

    def test_what_is_offered_to_1_0(self, client: Http1) -> None:
        client.send(b"GET /extensions HTTP/1.0\r\n\r\n")
        offered = set(client.response().text.split())
        assert not offered & {"http.response.trailers", "http.response.early_hint"}

    def test_trailers(self, client: Http1) -> None:
        client.request("/trailers", TE="trailers")
        assert client.head().headers["transfer-encoding"] == "chunked"
        lines = [client.line() for _ in range(6)]
        assert lines == [b"4\r\n", b"body\r\n", b"0\r\n", b"x-sum: 1\r\n", b"x-other: 2\r\n", b"\r\n"]
        assert client.get("/early").body == b"early"

    def test_trailers_for_who_does_not_ask(self, client: Http1) -> None:
        assert client.get("/trailers").body == b"body"
        assert client.get("/early").body == b"early"

    def test_trailers_behind_a_length(self, client: Http1) -> None:
        client.request("/trailers?length=1", TE="trailers")
        assert client.response().body == b"body"
        assert client.get("/early").body == b"early"

    def test_trailers_of_no_body(self, client: Http1) -> None:
        client.request("/trailers", "HEAD", TE="trailers")
        assert client.head().status == 200
        assert client.get("/early").body == b"early"

    def test_trailers_in_1_0(self, client: Http1) -> None:
        client.send(b"GET /trailers?unannounced=1 HTTP/1.0\r\n\r\n")
        assert client.response().body == b"body"
        assert client.rest() == b""

    def test_early_hint(self, client: Http1) -> None:
        client.request("/hint")
        hint = client.head()
        links = ["</style.css>; rel=preload", "</a.js>; rel=preload"]
        assert (hint.status, hint.headers.get_all("link")) == (103, links)
        assert client.response().body == b"hinted"

    @pytest.mark.parametrize("query", ["", f"?length={len(FILE)}"])
    def test_pathsend(self, client: Http1, query: str) -> None:
        response = client.get(f"/path{query}")
        assert (int(response.headers["content-length"]), response.body) == (len(FILE), FILE)
        assert client.get("/early").body == b"early"

    def test_pathsend_to_head(self, client: Http1) -> None:
        client.request("/path", "HEAD")
        assert client.head().status == 200
        assert client.get("/early").body == b"early"

    def test_pathsend_of_nothing(self, client: Http1) -> None:
        assert client.get("/path?path=/nowhere").status == 500

    def test_pathsend_against_another_length(self, client: Http1) -> None:
        assert client.get("/path?length=5").status == 500

    def test_zerocopysend(self, client: Http1) -> None:
        expected = bytes(range(8)) + b"between" + FILE[1000:1010] + FILE[-3:]
        assert client.get("/parts").body == expected
        assert client.get("/early").body == b"early"

    def test_a_file_that_is_too_short_ends_the_connection(self, client: Http1) -> None:
        """Whatever the app does then: the next answer would be taken for the rest of this one."""
        client.send(b"GET /short HTTP/1.1\r\nHost: t\r\n\r\nGET /early HTTP/1.1\r\nHost: t\r\n\r\n")
        assert client.head().headers["content-length"] == str(len(FILE) + 100)
        assert client.rest() == FILE

    def test_zerocopysend_in_1_0(self, client: Http1) -> None:
        client.send(b"GET /parts HTTP/1.0\r\n\r\n")
        assert client.response().body == bytes(range(8)) + b"between" + FILE[1000:1010] + FILE[-3:]

    def test_a_status_of_no_class(self, client: Http1) -> None:
        assert client.get("/code?code=999&length=4").status == 999
        assert client.get("/early").body == b"early"

    def test_state_is_copied_for_each_request(self, client: Http1) -> None:
        assert [client.get("/state").body for _ in range(2)] == [b"0", b"0"]

    def test_a_context_variable_is_of_one_request(self, client: Http1) -> None:
        assert [client.get("/variable").body for _ in range(2)] == [b"0", b"0"]
        client.send(b"GET /variable HTTP/1.1\r\nHost: t\r\n\r\n" * 2)
        assert [client.response().body for _ in range(2)] == [b"0", b"0"]
