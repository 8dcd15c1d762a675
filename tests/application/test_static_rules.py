"""Rules for static files: conditions, ranges, compressed siblings, index files, Expires, what is left to the app."""

import os
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from support.http1 import Http1, Response
from support.http2 import Http2
from support.uwsgi import Server, Servers

PAGE = "<p>page" * 100
BIG = bytes(range(256)) * 4000
HOUR, DAY = 3600, 86400


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to serve, and one beside it to which links lead."""
    above = tmp_path_factory.mktemp("files")
    root, shared = above / "root", above / "shared"
    for folder in (root / "docs" / "deep", root / "bare", root / "v2", shared, above / "secret"):
        folder.mkdir(parents=True)
    (root / "big.bin").write_bytes(BIG)
    (root / "empty.txt").touch()
    (root / "page.html").write_text(PAGE)
    (root / "page.html.br").write_text("brotli")
    (root / "page.html.gz").write_text("gzip")
    (root / "style.css").write_text("css")
    (root / "style.css.gz").write_text("gzip of css")
    (root / "plain.txt").write_text("plain")
    (root / "plain.txt.gz").write_text("gzip of plain")
    (root / "script.php").write_text("<?php")
    (root / "docs" / "index.html").write_text("index")
    (root / "docs" / "deep" / "default.htm").write_text("default")
    (root / "v2" / "whole.txt").write_text("whole")
    (shared / "shared.txt").write_text("shared")
    (above / "secret" / "index.html").write_text("secret")
    (above / "secret" / "x.gz").write_text("secret")
    (root / "shared.txt").symlink_to(shared / "shared.txt")
    (root / "secret").symlink_to(above / "secret")
    (root / "stolen.html").write_text("mine")
    (root / "stolen.html.gz").symlink_to(above / "secret" / "x.gz")
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    return root


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers, files: Path) -> Server:
    return module_uwsgi(
        static_map=f"/s={files}",
        static_map2=f"/v2={files}",
        static_index=["index.html", "default.htm"],
        static_safe=files.parent / "shared",
        static_skip_ext=".php",
        static_gzip=r"\.html$",
        static_gzip_ext=".css",
        static_expires=[r"big\.bin$ 3600", r"plain\.txt$ 86400"],
        static_expires_mtime=r"empty\.txt$ 3600",
        static_expires_uri=r"v=\d+$ 86400",
        static_expires_path_info=r"^/s/docs/ 60",
        static_expires_type="text/css=3600",
        static_expires_type_mtime="text/html=3600",
    )


def get(server: Server, path: str, **headers: str) -> Response:
    with Http1(server.address) as client:
        return client.get(path, **headers)


def head_of(server: Server, path: str, method: str = "GET", **headers: str) -> Response:
    """An answer that has no body, and nothing behind its head."""
    with Http1(server.address) as client:
        client.request(path, method, **headers)
        answer = client.head()
        assert client.get("/pid").text.isdigit()
        return answer


class TestConditions:
    def test_an_entity_tag(self, server: Server) -> None:
        tag = get(server, "/s/page.html").headers["etag"]
        assert tag[0] == tag[-1] == '"'
        same = head_of(server, "/s/page.html", If_None_Match=tag)
        assert (same.status, same.headers["etag"]) == (304, tag)
        assert head_of(server, "/s/page.html", If_None_Match=f'"other", W/{tag}').status == 304
        assert head_of(server, "/s/page.html", If_None_Match="*").status == 304
        assert head_of(server, "/s/page.html", "HEAD", If_None_Match=tag).status == 304
        assert get(server, "/s/page.html", If_None_Match='"other"').text == PAGE

    def test_it_changes_with_the_file(self, server: Server, files: Path) -> None:
        (files / "changing.txt").write_text("a")
        before = get(server, "/s/changing.txt").headers["etag"]
        (files / "changing.txt").write_text("b")
        after = get(server, "/s/changing.txt", If_None_Match=before)
        assert (after.status, after.text) == (200, "b")

    def test_a_tag_is_believed_before_a_date(self, server: Server) -> None:
        later = formatdate(time.time(), usegmt=True)
        answer = get(server, "/s/page.html", If_None_Match='"other"', If_Modified_Since=later)
        assert answer.status == 200

    def test_preconditions(self, server: Server) -> None:
        tag = get(server, "/s/page.html").headers["etag"]
        assert get(server, "/s/page.html", If_Match=tag).status == 200
        assert get(server, "/s/page.html", If_Match='"other"').status == 412
        assert get(server, "/s/page.html", If_Match=f"W/{tag}").status == 412
        before, after = (formatdate(seconds, usegmt=True) for seconds in (1_600_000_000, 1_800_000_000))
        assert get(server, "/s/page.html", If_Unmodified_Since=before).status == 412
        assert get(server, "/s/page.html", If_Unmodified_Since=after).status == 200


class TestRanges:
    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [
            ("0-0", 0, 0),
            ("10-19", 10, 19),
            ("1000000-", 1_000_000, len(BIG) - 1),
            ("-500", len(BIG) - 500, len(BIG) - 1),
            ("-9999999", 0, len(BIG) - 1),
            ("5-9999999", 5, len(BIG) - 1),
        ],
    )
    def test_a_part(self, server: Server, asked: str, first: int, last: int) -> None:
        answer = get(server, "/s/big.bin", Range=f"bytes={asked}")
        assert (answer.status, answer.body) == (206, BIG[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(BIG)}"
        assert answer.headers["accept-ranges"] == "bytes"

    def test_parts_on_one_connection_and_in_http2(self, server: Server) -> None:
        with Http1(server.address) as client:
            for start in (0, 1000, 500_000):
                assert client.get("/s/big.bin", Range=f"bytes={start}-{start + 99_999}").body == BIG[start:][:100_000]
        with Http2(server.address).begin() as client2:
            stream = client2.request("/s/big.bin", range="bytes=300-399999")
            assert client2.response(stream) == (206, BIG[300:400_000])

    @pytest.mark.parametrize(("path", "asked"), [("big.bin", f"{len(BIG)}-"), ("big.bin", "-0"), ("empty.txt", "0-")])
    def test_there_is_no_such_part(self, server: Server, path: str, asked: str) -> None:
        answer = get(server, f"/s/{path}", Range=f"bytes={asked}")
        assert (answer.status, answer.body) == (416, b"")
        assert answer.headers["content-range"].startswith("bytes */")

    @pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,5-6", "bytes=x-", "lines=1-2", "bytes", "bytes=1_0-"])
    def test_what_is_no_range_gets_the_whole(self, server: Server, asked: str) -> None:
        assert get(server, "/s/plain.txt", Range=asked).status == 200

    def test_head_has_no_ranges(self, server: Server) -> None:
        answer = head_of(server, "/s/big.bin", "HEAD", Range="bytes=0-1")
        assert (answer.status, answer.headers["content-length"]) == (200, str(len(BIG)))

    def test_a_part_of_a_version_that_the_client_has(self, server: Server) -> None:
        whole = get(server, "/s/big.bin").headers
        for condition, status in ((whole["etag"], 206), (whole["last-modified"], 206), ('"other"', 200)):
            assert get(server, "/s/big.bin", Range="bytes=0-9", If_Range=condition).status == status

    def test_hypercorn_sends_parts_as_well(self, uwsgi: Servers, files: Path) -> None:
        server = uwsgi(trio_engine="hypercorn", static_map=f"/s={files}")
        assert get(server, "/s/big.bin", Range="bytes=100-300099").body == BIG[100:300_100]


class TestCompressedSiblings:
    @pytest.mark.parametrize(
        ("accepted", "coding", "text"),
        [
            ("gzip, deflate, br", "br", "brotli"),
            ("gzip", "gzip", "gzip"),
            ("br;q=0, gzip", "gzip", "gzip"),
            ("*", "br", "brotli"),
            ("identity", None, PAGE),
            ("gzip;q=0", None, PAGE),
            ("gzip;q=x", None, PAGE),
        ],
    )
    def test_by_what_the_client_takes(self, server: Server, accepted: str, coding: str | None, text: str) -> None:
        answer = get(server, "/s/page.html", Accept_Encoding=accepted)
        assert (answer.headers["content-encoding"], answer.text) == (coding, text)
        assert (answer.headers["content-type"], answer.headers["vary"]) == ("text/html", "accept-encoding")

    def test_versions_have_tags_of_their_own(self, server: Server) -> None:
        tags = {
            get(server, "/s/page.html", Accept_Encoding=each).headers["etag"] for each in ("br", "gzip", "identity")
        }
        assert len(tags) == 3

    def test_by_the_ending(self, server: Server) -> None:
        assert get(server, "/s/style.css", Accept_Encoding="gzip").text == "gzip of css"
        other = get(server, "/s/plain.txt", Accept_Encoding="gzip")
        assert (other.text, other.headers["vary"]) == ("plain", None)

    def test_one_that_lies_elsewhere_is_not_sent(self, server: Server) -> None:
        assert get(server, "/s/stolen.html", Accept_Encoding="gzip").text == "mine"

    @pytest.mark.parametrize("option", ["static_gzip_all", "static_gzip_dir", "static_gzip_prefix"])
    def test_the_other_ways_to_name_them(self, uwsgi: Servers, files: Path, option: str) -> None:
        given: dict[str, Any] = {option: True if option.endswith("all") else files}
        server = uwsgi(static_map=f"/s={files}", **given)
        assert get(server, "/s/plain.txt", Accept_Encoding="gzip").text == "gzip of plain"


class TestIndexes:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/s/docs/", "index"),
            ("/s/docs", "index"),
            ("/s/docs/deep/", "default"),
            ("/s/bare/", "hello"),
            ("/s/", "hello"),
            ("/s/secret/", "hello"),
            ("/s/docs//", "hello"),
            ("/s/page.html/", "hello"),
        ],
    )
    def test_of_a_directory(self, server: Server, path: str, text: str) -> None:
        assert get(server, path).text == text

    def test_of_the_root(self, uwsgi: Servers, files: Path) -> None:
        server = uwsgi(check_static=files / "docs", static_index="index.html")
        assert get(server, "/").text == "index"
        assert get(server, "/deep/").text == "hello"


class TestExpires:
    @pytest.mark.parametrize(
        ("path", "seconds"),
        [("big.bin", HOUR), ("plain.txt", DAY), ("docs/", 60), ("style.css", HOUR), ("page.html?v=12", DAY)],
    )
    def test_from_now(self, server: Server, path: str, seconds: int) -> None:
        answer = get(server, f"/s/{path}")
        until = parsedate_to_datetime(answer.headers["expires"]).timestamp()
        assert answer.status == 200
        assert abs(until - time.time() - seconds) < 5

    @pytest.mark.parametrize("path", ["empty.txt", "page.html"])
    def test_from_the_last_change(self, server: Server, path: str) -> None:
        assert get(server, f"/s/{path}").headers["expires"] == formatdate(1_700_000_000 + HOUR, usegmt=True)

    def test_not_modified_has_it_too(self, server: Server) -> None:
        assert head_of(server, "/s/page.html", If_None_Match="*").headers["expires"]

    def test_of_several_the_first_holds(self, server: Server) -> None:
        assert get(server, "/s/big.bin?v=1").headers.get_all("expires") is not None
        assert len(get(server, "/s/big.bin?v=1").headers.get_all("expires") or ()) == 1

    def test_others_have_none(self, server: Server) -> None:
        assert get(server, "/s/shared.txt").headers["expires"] is None

    @pytest.mark.parametrize("option", ["static_expires_uri_mtime", "static_expires_path_info_mtime"])
    def test_the_other_rules(self, uwsgi: Servers, files: Path, option: str) -> None:
        given: dict[str, Any] = {option: "plain 60"}
        server = uwsgi(static_map=f"/s={files}", **given)
        assert get(server, "/s/plain.txt").headers["expires"] == formatdate(1_700_000_060, usegmt=True)


def test_a_prefix_that_is_a_part_of_the_names(server: Server) -> None:
    assert get(server, "/v2/whole.txt").text == "whole"
    assert get(server, "/v2/v2/whole.txt").text == "hello"


def test_links_that_are_safe(server: Server) -> None:
    assert get(server, "/s/shared.txt").text == "shared"
    assert get(server, "/s/secret/index.html").text == "hello"


def test_an_ending_that_is_left_to_the_app(server: Server) -> None:
    assert get(server, "/s/script.php").text == "hello"


@pytest.mark.parametrize(
    ("option", "value"), [("static-expires", "(x 5"), ("static-expires", "x"), ("static-expires-type", "text/css")]
)
def test_a_rule_that_cannot_be_read_stops_the_start(uwsgi: Servers, files: Path, option: str, value: str) -> None:
    # uWSGI reads them as well where it has regular expressions, and is stricter still: then it is the one that stops.
    given: dict[str, Any] = {option.replace("-", "_"): value}
    server = uwsgi(ready=False, static_map=f"/s={files}", **given)
    server.may_outstay = True
    assert server.wait_end() != 0
