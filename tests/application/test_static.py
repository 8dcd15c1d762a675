"""check-static and static-map: files are served before the app is asked, and nothing beside them."""

import http.client
import os
import timeit
from email.utils import formatdate
from pathlib import Path

import pytest
from support.http1 import Http1, Response
from support.http2 import Http2
from support.uwsgi import Server, Servers

from trio_worker.application.static.lookup import Lookup
from trio_worker.options import parse

CONTENT = b"0123456789" * 100_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to serve, with a secret beside it."""
    above = tmp_path_factory.mktemp("files")
    root = above / "root"
    (root / "below").mkdir(parents=True)
    (root / "big.bin").write_bytes(CONTENT)
    (root / "page.html").write_text("<p>page")
    (root / "packed.tar.gz").write_text("packed")
    (root / "with space.txt").write_text("spaced")
    (root / "empty.txt").touch()
    (above / "secret.txt").write_text("secret")
    (above / "root-too").mkdir()
    (above / "root-too" / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(above / "secret.txt")
    (root / "inner.txt").symlink_to(root / "page.html")
    return root


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, files: Path) -> Server:
    maps = [f"/s={files}", f"/one.txt={files / 'page.html'}"]
    return module_uwsgi(static_map=maps, check_static=files / "below", log_format="line %(method) %(uri) %(rsize)")


def get(server: Server, path: str, **headers: str) -> Response:
    with Http1(server.address) as client:
        return client.get(path, **headers)


def bodiless(server: Server, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """An answer that may have no body for another reason than its length."""
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    assert answer.status == 200 or answer.read() == b""
    connection.close()
    return answer


def test_a_file(server: Server, files: Path) -> None:
    answer = get(server, "/s/big.bin")
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["last-modified"] == formatdate(os.stat(files / "big.bin").st_mtime, usegmt=True)
    assert get(server, "/s/page.html").headers["content-type"] == "text/html"
    assert get(server, "/s/packed.tar.gz").headers["content-type"] == "application/gzip"
    assert get(server, "/s/with%20space.txt").text == "spaced"
    assert get(server, "/s/inner.txt").text == "<p>page"
    assert get(server, "/s/empty.txt").body == b""
    assert get(server, "/one.txt").text == "<p>page"
    server.wait_log(f"^line GET /s/big.bin {len(CONTENT)}$")


def test_several_on_one_connection(server: Server) -> None:
    with Http1(server.address) as client:
        for _ in range(3):
            assert client.get("/s/big.bin").body == CONTENT
            assert client.get("/pid").text.isdigit()


def test_what_is_no_file_goes_to_the_app(server: Server) -> None:
    paths = (
        "/s/nothing",
        "/s",
        "/s/",
        "/s/below",
        "/stuff",
        "/one.txt/more",
        "/sbig.bin",
        "/s/page.html/",
        "/s//page.html",
    )
    for path in paths:
        assert get(server, path).text == "hello", path


def test_only_get_and_head(server: Server) -> None:
    with Http1(server.address) as client:
        assert client.post("/s/page.html", b"x").text == "hello"
    answer = bodiless(server, "HEAD", "/s/big.bin")
    assert (answer.status, answer.headers["content-length"]) == (200, str(len(CONTENT)))


def test_check_static_sees_new_files(server: Server, files: Path) -> None:
    assert get(server, "/fresh.txt").text == "hello"
    fresh = files / "below" / "fresh.txt"
    fresh.write_text("fresh")
    assert get(server, "/fresh.txt").text == "fresh"
    fresh.unlink()
    assert get(server, "/fresh.txt").text == "hello"


def test_not_modified(server: Server, files: Path) -> None:
    modified = os.stat(files / "page.html").st_mtime
    for seconds, status in ((0, 304), (60, 304), (-60, 200)):
        since = formatdate(modified + seconds, usegmt=True)
        assert bodiless(server, "GET", "/s/page.html", If_Modified_Since=since).status == status
    assert bodiless(server, "GET", "/s/page.html", If_Modified_Since="yesterday").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/s/../secret.txt",
        "/s/%2e%2e/secret.txt",
        "/s/..%2fsecret.txt",
        "/s/below/../../secret.txt",
        "/s/link.txt",
        "/s//../../../../../../../etc/passwd",
        "/s//etc/passwd",
        "/s-too/secret.txt",
        "/s/../root-too/secret.txt",
        "/s/page.html%00.txt",
    ],
)
def test_nothing_outside_is_served(server: Server, path: str) -> None:
    assert get(server, path).text == "hello"


@pytest.mark.parametrize("segment", ["a/", "./", "../", "below/../", "/"])
def test_a_long_path_does_not_hold_the_others_up(files: Path, segment: str) -> None:
    """What a look-up takes of the loop, which every other request waits for."""
    lookup = Lookup(parse({"static-map": f"/s={files}".encode(), "check-static": str(files).encode()}))
    path = "/s/" + segment * (8000 // len(segment))
    assert lookup.find(path) is None
    assert min(timeit.repeat(lambda: lookup.find(path), number=1, repeat=5)) < 0.002


def test_http2(server: Server) -> None:
    with Http2(server.address).begin() as client:
        assert client.response(client.request("/s/page.html")) == (200, b"<p>page")
        assert client.response(client.request("/s/big.bin")) == (200, CONTENT)


def test_names_are_in_utf_8_whatever_the_locale(uwsgi: Servers, files: Path) -> None:
    (files / "größe.txt").write_text("größe")
    server = uwsgi(static_map=f"/s={files}", environment={"LC_ALL": "C"})
    assert get(server, "/s/gr%C3%B6%C3%9Fe.txt").body == "größe".encode()
    assert get(server, "/gr%C3%B6%C3%9Fe").status == 200
