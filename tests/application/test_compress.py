"""trio-compress: what gets smaller and may, for clients that take it; events leave one by one; off by default."""

import gzip
import time
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1, Response
from support.http2 import Http2
from support.ini import APPS
from support.uwsgi import Server, Servers
from support.waiting import took

# As the app has it.
TEXT = b"All that is said twice can be said once. " * 500

CODINGS = ("gzip", "br", "zstd")
PACKAGES = {"br": "brotli", "zstd": "zstandard"}


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="compressible:app", trio_compress="zstd, br, gzip")


def get(server: Server, path: str, accepted: str = "gzip", **headers: str) -> Response:
    with Http1(server.address) as client:
        return client.get(path, Accept_Encoding=accepted, **headers)


def decoder(coding: str) -> Callable[[bytes], bytes]:
    """What turns pieces of a coded body into what the app has sent."""
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
    package: Any = import_module(PACKAGES[coding])
    if coding == "br":
        return package.Decompressor().process  # type: ignore[no-any-return]
    return package.ZstdDecompressor().decompressobj().decompress  # type: ignore[no-any-return]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_text(server: Server, coding: str) -> None:
    answer = get(server, "/text", coding)
    assert decoder(coding)(answer.body) == TEXT
    assert len(answer.body) < len(TEXT) / 50
    headers = answer.headers
    assert (headers["content-encoding"], headers["vary"]) == (coding, "accept-encoding")
    assert (headers["content-length"], headers["etag"]) == (str(len(answer.body)), 'W/"one"')
    assert headers["accept-ranges"] is None


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, *", "zstd"),
        ("identity", None),
        ("deflate", None),
        ("gzip;q=0", None),
        ("", None),
    ],
)
def test_by_what_the_client_takes(server: Server, accepted: str, coding: str | None) -> None:
    answer = get(server, "/text", accepted)
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == (coding, "accept-encoding")
    assert coding or answer.body == TEXT


@pytest.mark.parametrize("path", ["/json", "/error"])
def test_other_texts(server: Server, path: str) -> None:
    answer = get(server, path)
    assert gzip.decompress(answer.body) == TEXT


def test_vary_is_added_to(server: Server) -> None:
    assert set(get(server, "/json").headers.get_all("vary") or ()) == {"Cookie", "accept-encoding"}
    assert get(server, "/varies").headers.get_all("vary") == ["Accept-Encoding, Origin"]


@pytest.mark.parametrize("path", ["/image", "/untyped", "/coded", "/part", "/kept"])
def test_what_is_left_alone(server: Server, path: str) -> None:
    answer = get(server, path)
    assert answer.body == TEXT
    assert answer.headers["content-encoding"] == ("x-own" if path == "/coded" else None)


def test_a_small_body_is_left_alone_and_varies(server: Server) -> None:
    answer = get(server, "/small")
    assert (answer.body, answer.headers["content-encoding"]) == (b"small", None)
    assert answer.headers["vary"] == "accept-encoding"


def test_a_file_leaves_as_it_is(server: Server) -> None:
    answer = get(server, "/file")
    assert answer.body == (APPS / "compressible.py").read_bytes()
    assert answer.headers["content-encoding"] is None


def test_no_body(server: Server) -> None:
    with Http1(server.address) as client:
        client.request("/empty", Accept_Encoding="gzip")
        assert client.head().status == 204
        client.request("/text", "HEAD", Accept_Encoding="gzip")
        head = client.head()
        assert (head.status, head.headers["content-encoding"], head.headers["content-length"]) == (200, "gzip", None)
        assert gzip.decompress(client.get("/text", Accept_Encoding="gzip").body) == TEXT


@pytest.mark.parametrize("coding", CODINGS)
def test_events_leave_one_by_one(server: Server, coding: str) -> None:
    decode = decoder(coding)
    with Http1(server.address) as client:
        client.request("/events", Accept_Encoding=coding)
        assert client.head().headers["content-encoding"] == coding
        began = time.monotonic()
        assert decode(client.chunk()) == b"data: 0\n\n"
        assert took(began) < 0.8
        text = b""
        while chunk := client.chunk():
            text += decode(chunk)
        assert text == b"".join(b"data: %d\n\n" % number for number in range(1, 10)) + b"data: end\n\n"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream(server: Server, coding: str) -> None:
    answer = get(server, "/stream", coding)
    assert decoder(coding)(answer.body).endswith(b"data: end\n\n")
    assert answer.headers["content-length"] is None


def test_a_large_body_and_pieces_of_several_tasks(server: Server) -> None:
    assert gzip.decompress(get(server, "/large").body) == TEXT * 100
    whole = gzip.decompress(get(server, "/tasks").body)
    assert sorted(whole[place : place + 100_000] for place in range(0, 800_000, 100_000)) == [
        b"%d" % number * 100_000 for number in range(8)
    ]


def test_an_app_that_fails_before_its_body_is_answered(server: Server) -> None:
    assert get(server, "/raises").status == 500
    assert gzip.decompress(get(server, "/text").body) == TEXT


def test_in_http2(server: Server) -> None:
    with Http2(server.address).begin() as client:
        status, body = client.response(client.request("/text", accept_encoding="gzip"))
    assert (status, gzip.decompress(body)) == (200, TEXT)


def test_off_by_default(uwsgi: Servers) -> None:
    server = uwsgi(module="compressible:app")
    answer = get(server, "/text")
    assert (answer.body, answer.headers["vary"], answer.headers["etag"]) == (TEXT, None, '"one"')


def test_types_and_the_smallest_size(uwsgi: Servers) -> None:
    server = uwsgi(
        module="compressible:app", trio_compress="gzip", trio_compress_types="image/png text/ht*", trio_compress_min=5
    )
    assert get(server, "/image").headers["content-encoding"] == "gzip"
    assert get(server, "/small").headers["content-encoding"] == "gzip"
    assert get(server, "/json").headers["content-encoding"] is None


def test_a_quart_app_and_static_files_beside_it(uwsgi: Servers, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(TEXT)
    server = uwsgi(module="quart_app:app", trio_compress="gzip", trio_compress_min=1, static_map=f"/s={tmp_path}")
    assert gzip.decompress(get(server, "/").body) == b"quart"
    assert get(server, "/s/page.html").body == TEXT


def test_with_hypercorn(uwsgi: Servers) -> None:
    server = uwsgi(module="compressible:app", trio_engine="hypercorn", trio_compress="gzip")
    assert gzip.decompress(get(server, "/text").body) == TEXT


def test_a_coding_that_nobody_knows_stops_the_start(uwsgi: Servers) -> None:
    server = uwsgi(ready=False, trio_compress="gzip, lzma")
    server.may_outstay = True
    assert server.wait_end() != 0
    server.wait_log("trio-compress = gzip, lzma: allowed is a list of gzip, br and zstd, or off")
