"""What holds for every request, and however its bytes arrive: found out by generated ones."""

from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from corpus import CASES, Case, Saw
from corpus.running import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.http1 import Http1
from support.uwsgi import Server, Servers

from trio_worker.http.app_rules import ResponseError, header_lines
from trio_worker.http.exchange import Source
from trio_worker.options import Options
from trio_worker.protocols.http1.parser import RequestParser

TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

# What would change how a request is read, which is the corpus's to test.
SPECIAL = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"}

names = st.text(TOKEN, min_size=1, max_size=20).filter(lambda name: name.lower() not in SPECIAL)
values = st.text([chr(byte) for byte in (*range(0x20, 0x7F), *range(0x80, 0x100), 0x09)], max_size=40)
paths = st.text([chr(byte) for byte in range(0x21, 0x7F) if chr(byte) not in "?#%"], max_size=40).map("/{}".format)


@dataclass(frozen=True)
class Made:
    """A generated request and what the app is to see of it."""

    data: bytes
    saw: Saw


@st.composite
def requests(draw: st.DrawFn) -> Made:
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]))
    path, query = draw(paths), draw(st.text("abc=&%20", max_size=10))
    headers = draw(st.lists(st.tuples(names, values), max_size=8))
    body = draw(st.none() | st.binary(max_size=200))
    lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1", "Host: t"]
    lines += [f"{name}:{value}" for name, value in headers]
    seen = [("host", "t")] + [(name.lower(), value.strip(" \t")) for name, value in headers]
    payload = b""
    if body is not None and draw(st.booleans()):
        lines.append("Transfer-Encoding: chunked")
        seen.append(("transfer-encoding", "chunked"))
        payload = draw(chunked(body))
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
        seen.append(("content-length", str(len(body))))
        payload = body
    data = "\r\n".join([*lines, "", ""]).encode("latin-1") + payload
    return Made(data, Saw(path, method, (body or b"").decode("latin-1"), query, headers=tuple(seen)))


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    data, at = b"", 0
    while at < len(body):
        size = draw(st.integers(1, len(body) - at))
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b"']))
        data += b"%x%b\r\n%b\r\n" % (size, extension, body[at : at + size])
        at += size
    return data + b"0\r\n" + draw(st.sampled_from([b"", b"A: b\r\n"])) + b"\r\n"


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=8)))
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def make_parser() -> RequestParser:
    service = SimpleNamespace(options=Options())
    wire = SimpleNamespace(scheme="http")
    return RequestParser(cast(Source, SimpleNamespace(service=service, wire=wire)))


def parsed(data: list[bytes]) -> tuple[list[Any], int | None, bytes | None]:
    """What comes out of a parser that is fed these pieces: requests, refusal and upgrade."""
    parser = make_parser()
    for number, piece in enumerate(data):
        if parser.stopped:
            # The other protocol gets what the parser has not seen.
            return _outcome(parser, b"".join(data[number:]))
        parser.feed(piece)
    return _outcome(parser, b"")


def _outcome(parser: RequestParser, rest: bytes) -> tuple[list[Any], int | None, bytes | None]:
    queue = [
        (each.method, each.target, each.version, each.headers, b"".join(each.body), each.body_complete)
        for each in parser.queue
    ]
    upgrade = None
    if parser.upgrade is not None:
        asked, behind = parser.upgrade
        upgrade = b"%b %b" % (asked.target, behind + rest)
    return queue, parser.refusal and parser.refusal.status, upgrade


class TestParser:
    @given(st.lists(requests(), min_size=1, max_size=4), st.data())
    def test_valid_requests_are_read_as_they_were_meant(self, made: list[Made], data: st.DataObject) -> None:
        whole = b"".join(each.data for each in made)
        queue, refusal, upgrade = parsed(data.draw(pieces(whole)))
        assert (refusal, upgrade) == (None, None)
        for (method, target, version, headers, body, complete), each in zip(queue, made, strict=True):
            saw = each.saw
            assert (method, version, complete) == (saw.method, "1.1", True)
            assert target.decode() == saw.path + ("?" + saw.query if saw.query else "")
            assert tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers) == saw.headers
            assert body.decode("latin-1") == saw.body

    @given(st.sampled_from([case for case in CASES if len(case.data) < 5000]), st.data())
    def test_how_the_bytes_arrive_changes_nothing(self, case: Case, data: st.DataObject) -> None:
        assert parsed(data.draw(pieces(case.data))) == parsed([case.data])

    @given(st.sampled_from(CASES), st.data())
    @settings(suppress_health_check=[HealthCheck.large_base_example, HealthCheck.data_too_large])
    def test_nor_does_it_for_damaged_ones(self, case: Case, data: st.DataObject) -> None:
        damaged = bytearray(case.data[:2000])
        for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=3)):
            damaged[at] = data.draw(st.integers(0, 255))
        assert parsed(data.draw(pieces(bytes(damaged)))) == parsed([bytes(damaged)])

    @given(st.binary(max_size=300))
    def test_nothing_raises(self, data: bytes) -> None:
        parsed([data])


class TestHeaderLines:
    @given(st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=10)), max_size=4))
    def test_no_line_is_smuggled_in(self, headers: list[tuple[bytes, bytes]]) -> None:
        try:
            lines = header_lines(headers)
        except ResponseError:
            return
        assert lines.split(b"\r\n") == [name + b": " + value for name, value in headers] + [b""]
        assert not any(byte in name + value for name, value in headers for byte in b"\r\n\0")


@pytest.fixture(scope="module")
def server(module_uwsgi: Servers) -> Server:
    return module_uwsgi(module="http1_report:app", disable_logging=True)


over_sockets = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class TestSockets:
    @over_sockets
    @given(made=st.lists(requests(), min_size=1, max_size=4), data=st.data())
    def test_valid_requests(self, server: Server, made: list[Made], data: st.DataObject) -> None:
        whole = b"".join(each.data for each in made)
        case = Case("generated", whole, tuple(each.saw for each in made))
        run(server.unix_path, case, [data.draw(pieces(whole))])

    @over_sockets
    @given(damage=st.binary(min_size=1, max_size=400))
    def test_the_worker_survives_everything(self, server: Server, damage: bytes) -> None:
        with Http1(server.unix_path) as client, Http1(server.unix_path) as other:
            client.send(damage)
            other.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            assert other.response().status == 200
        assert server.count("ended by an error") == 0
