"""trio-live-reload: a script in pages, nothing in what is none, and a stream that ends with its worker."""

from dataclasses import replace

import pytest
from support.http1 import Http1, Response
from support.http2 import Http2
from support.uwsgi import Server, Servers

from trio_worker.application.live_reload import PATH, script

# As the app has it.
PAGE = b"<!doctype html><title>a page</title><p>hello"

SCRIPT = script(draining=False)


@pytest.fixture(scope="module", params=["express", "hypercorn"])
def server(module_uwsgi: Servers, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Server:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "page.html").write_bytes(PAGE)
    return module_uwsgi(
        module="pages:app",
        trio_live_reload=True,
        trio_engine=request.param,
        static_map=f"/static={folder}",
        env=f"PAGE={folder}/page.html",
    )


def get(server: Server, path: str, method: str = "GET") -> Response:
    with Http1(server.address) as client:
        client.request(path, method, Accept_Encoding="gzip", Connection="close")
        return client.response() if method != "HEAD" else replace(client.head(), body=client.rest())


@pytest.mark.parametrize("path", ["/", "/error", "/streamed", "/file", "/static/page.html"])
def test_a_page(server: Server, path: str) -> None:
    answer = get(server, path)
    assert answer.body == PAGE + SCRIPT
    assert answer.headers["content-length"] in (None, str(len(PAGE + SCRIPT)))


def test_a_part_of_an_open_file(server: Server) -> None:
    assert get(server, "/open-file").body == PAGE[2:9] + SCRIPT


@pytest.mark.parametrize("path", ["/json", "/policy", "/coded", "/part"])
def test_what_is_no_page_of_ours(server: Server, path: str) -> None:
    assert get(server, path).body == PAGE


def test_a_head_has_no_body(server: Server) -> None:
    assert get(server, "/", "HEAD").body == b""


def test_over_http2(server: Server) -> None:
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/")) == (200, PAGE + SCRIPT)


def test_the_stream_ends_when_its_worker_drains(uwsgi: Servers) -> None:
    server = uwsgi(module="pages:app", trio_live_reload=True)
    with Http1(server.address) as client:
        client.request(PATH)
        assert client.head().headers["content-type"] == "text/event-stream"
        assert client.chunk() == b"retry: 200\n\ndata: serving\n\n"
        server.reload("r")
        assert client.chunk() == b""


def test_it_is_off_by_default(uwsgi: Servers) -> None:
    assert get(uwsgi(module="pages:app"), "/").body == PAGE
