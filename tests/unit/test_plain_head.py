"""What the reader of plain requests accepts means the same to llhttp and the rules; what it leaves alone is theirs."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_worker.options import parse
from trio_worker.protocols.http1 import plain_head
from trio_worker.protocols.http1.parser import RequestParser

BROWSER = (
    b"Host: example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\nAccept: text/html,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nConnection: keep-alive\r\nCookie: a=b; c=d\r\n\r\n"
)
BLOCKS = (
    BROWSER,
    b"Host: t\r\nAccept: */*\r\n\r\n",
    b"Host: t\r\nX-Odd: GET / HTTP/1.1\r\n\r\n",
    b"Host: t\r\nConnection: close\r\n\r\n",
    b"Host: t\r\nContent-Length: 0\r\n\r\n",
    b"Host: t\r\nContent-Length: 3\r\n\r\nabc",
    b"Host: t\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"Host: t\r\nExpect: 100-continue\r\n\r\n",
    b"Host: t\r\nHost: t\r\n\r\n",
    b"Host: a b\r\n\r\n",
    b"Host:\tt\r\n\r\n",
    b"Host:  t\r\n\r\n",
    b"Host: t \r\n\r\n",
    b"Host : t\r\n\r\n",
    b"Host\r\n\r\n",
    b"Host: t\r\n folded\r\n\r\n",
    b"Host: t\r\nAccept: a\nb\r\n\r\n",
    b"Host: t\r\nAccept: a\0b\r\n\r\n",
    b"Host: t\r\nAccept: \xe9\r\n\r\n",
    b"Host: t\r\nAccept: \r\n\r\n",
    b"\r\n",
)

# Bytes of targets: usual ones, and those that a parser has something to say about.
usual = st.text("/a.%2F?=&-~", max_size=12)
odd = st.text("/a:# \t\x00\x7f\xe9", max_size=6) | st.just("a HTTP/1.1\r\nX: ")
methods = st.sampled_from(["GET", "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "G"])
versions = st.sampled_from(["1.1", "1.1", "1.1", "1.0", "9.9"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    line = f"{draw(methods)} /{draw(usual | odd)} HTTP/{draw(versions)}\r\n"
    data = line.encode("latin-1") + draw(st.sampled_from(BLOCKS))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(min_size=1, max_size=2)) + data[at + draw(st.integers(0, 2)) :]
    return data


def make_parser() -> RequestParser:
    source: Any = SimpleNamespace(service=SimpleNamespace(options=parse({})), wire=None)
    return RequestParser(source)


@pytest.fixture(autouse=True, scope="module")
def _learnt() -> None:
    """The names of these headers have been read before."""
    make_parser().feed(b"GET / HTTP/1.1\r\nX-Odd: 1\r\n" + BROWSER)


@given(requests())
def test_it_means_the_same(data: bytes) -> None:
    if (head := plain_head.read(data)) is None:
        return
    parser = make_parser()
    parser.feed(data)
    assert not parser.stopped
    assert not parser.in_head
    (asked,) = parser.queue
    assert (asked.method, asked.target, asked.headers, asked.keep_alive) == head
    assert asked.version == "1.1"
    assert asked.body_complete
    assert not asked.body


@pytest.mark.parametrize("target", [b"/", b"/other?with=a%20query&b", b"//", b"/a:b@c;d,e!$'()*+~"])
def test_a_browser_is_plain(target: bytes) -> None:
    head = plain_head.read(b"GET " + target + b" HTTP/1.1\r\n" + BROWSER)
    assert head is not None
    assert head[:2] == ("GET", target)
    assert [name for name, _ in head[2]] == [
        b"host",
        b"user-agent",
        b"accept",
        b"accept-language",
        b"connection",
        b"cookie",
    ]


LINES = (
    b"GET / HTTP/1.0",
    b"GET /\x7f HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"GET  / HTTP/1.1",
    b"GET /#a HTTP/1.1",
    b"GET  HTTP/1.1",
    b"GET HTTP/1.1",
    b"GET * HTTP/1.1",
    b"BREW / HTTP/1.1",
    b"\r\nGET / HTTP/1.1",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1",
)


@pytest.mark.parametrize("line", LINES)
def test_an_odd_request_line_is_left_alone(line: bytes) -> None:
    assert plain_head.read(line + b"\r\n" + BROWSER) is None


@pytest.mark.parametrize("block", BLOCKS[4:11] + BLOCKS[13:18] + BLOCKS[20:])
def test_an_odd_header_is_left_alone(block: bytes) -> None:
    assert plain_head.read(b"GET / HTTP/1.1\r\n" + block) is None


def test_several_requests_and_halves_are_left_alone() -> None:
    request = b"GET / HTTP/1.1\r\n" + BROWSER
    assert plain_head.read(request) is not None
    assert plain_head.read(request + request) is None
    assert all(plain_head.read(request[:end]) is None for end in range(len(request)))


@pytest.mark.parametrize(
    ("line", "keeps"), [(b"", True), (b"Connection: keep-alive\r\n", True), (b"Connection: close\r\n", False)]
)
def test_the_connection_goes_on_or_not(line: bytes, keeps: bool) -> None:
    head = plain_head.read(b"GET / HTTP/1.1\r\nHost: example.org\r\n" + line + b"\r\n")
    assert head is not None
    assert head[3] is keeps


@pytest.mark.parametrize("value", [b"Close", b"close, te", b"upgrade", b""])
def test_other_words_of_the_connection_are_left_alone(value: bytes) -> None:
    assert plain_head.read(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: " + value + b"\r\n\r\n") is None


def test_a_name_that_nobody_has_read_is_left_alone() -> None:
    request = b"GET / HTTP/1.1\r\nHost: t\r\nX-New: 1\r\n\r\n"
    assert plain_head.read(request) is None
    make_parser().feed(request)
    assert plain_head.read(request) is not None


def test_no_host_is_not_an_empty_one() -> None:
    make_parser().feed(b"GET / HTTP/1.1\r\nHost: \r\n\r\n")
    assert plain_head.read(b"GET / HTTP/1.1\r\nHost: \r\n\r\n") is not None
    assert plain_head.read(b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n") is None
