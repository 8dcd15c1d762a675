"""A request that differs from the last one in its target alone means to a parser what it means to a new one."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_worker.options import parse
from trio_worker.protocols.http1.parser import RequestParser

BLOCKS = (
    b"Host: t\r\nAccept: */*\r\n\r\n",
    b"Host: t\r\nX-Odd: GET / HTTP/1.1\r\n\r\n",
    b"Host: t\r\nConnection: close\r\n\r\n",
    b"Host: t\r\nContent-Length: 0\r\n\r\n",
    b"Host: t\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"Host: t\r\nHost: t\r\n\r\n",
    b"\r\n",
)

# Bytes of targets: usual ones, and those that a parser has something to say about.
usual = st.text("/a.%2F?=&-~", max_size=12)
odd = st.text("/a:# \t\x00\x7f\xe9", max_size=6) | st.just("a HTTP/1.1\r\nX: ")
methods = st.sampled_from(["GET", "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "G"])
versions = st.sampled_from(["1.1", "1.1", "1.1", "1.0", "9.9"])


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    block, method = draw(st.sampled_from(BLOCKS)), draw(methods)
    made = []
    for _ in range(draw(st.integers(2, 6))):
        method = method if draw(st.booleans()) else draw(methods)
        line = f"{method} /{draw(usual | odd)} HTTP/{draw(versions)}\r\n"
        made.append(line.encode("latin-1") + (block if draw(st.integers(0, 5)) else draw(st.sampled_from(BLOCKS))))
    return made


def make_parser() -> RequestParser:
    source: Any = SimpleNamespace(service=SimpleNamespace(options=parse({})))
    return RequestParser(source)


def outcome(parser: RequestParser, data: bytes) -> tuple[list[tuple[Any, ...]], *tuple[object, ...]]:
    """All that can be seen of a parser when it has been fed; of each request its keep_alive first."""
    parser.feed(data)
    asked = [
        (each.keep_alive, each.method, each.target, each.version, each.headers, each.body, each.body_complete)
        for each in parser.queue
    ]
    parser.queue.clear()
    return asked, parser.refusal, parser.upgrade, parser.in_head


@given(reads())
def test_it_means_the_same(reads: list[bytes]) -> None:
    parser = make_parser()
    for data in reads:
        seen = outcome(parser, data)
        assert seen == outcome(make_parser(), data), data
        if parser.stopped or parser.in_head or not (seen[0] and seen[0][-1][0]):
            break  # What comes now is not the beginning of a request, or nobody reads it.


@pytest.mark.parametrize("target", [b"/", b"/other?with=a%20query&b", b"//", b"/a:b@c;d,e!$'()*+~"])
def test_the_third_one_is_not_parsed(target: bytes) -> None:
    parser = make_parser()
    for first in (b"/a", b"/bb"):
        outcome(parser, b"GET " + first + b" HTTP/1.1\r\n" + BLOCKS[0])
    parser._parser = None
    parser.feed(b"GET " + target + b" HTTP/1.1\r\n" + BLOCKS[0])
    (asked,) = parser.queue
    assert (asked.method, asked.target, asked.version) == ("GET", target, "1.1")
    assert asked.headers == [(b"host", b"t"), (b"accept", b"*/*")]
    assert parser._parser is None


def test_a_target_that_is_too_long_is_so_behind_others_as_well() -> None:
    parser = make_parser()
    for target in (b"/a", b"/bb"):
        outcome(parser, b"GET " + target + b" HTTP/1.1\r\n" + BLOCKS[0])
    parser.feed(b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\n" + BLOCKS[0])
    assert parser.refusal is not None
    assert parser.refusal.status == 414


LINES = (
    b"POST / HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET /\x7f HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"GET  HTTP/1.1",
    b"GET HTTP/1.1",
    b"GET * HTTP/1.1",
)


@pytest.mark.parametrize("line", LINES)
def test_what_is_not_like_it_is_parsed(line: bytes) -> None:
    parser = make_parser()
    for _ in range(2):
        outcome(parser, b"GET / HTTP/1.1\r\n" + BLOCKS[0])
    parser._parser = None
    data = line + b"\r\n" + BLOCKS[0]
    assert outcome(parser, data) == outcome(make_parser(), data)
    assert parser._parser is not None
