"""The head of a response, as far as it is a matter of bytes alone."""

from email.utils import formatdate
from typing import Any

import pytest

from trio_worker.http import response_head
from trio_worker.http.app_rules import ResponseError, header_lines
from trio_worker.http.response_head import HeadWriter, prepare


def test_lines_stay_as_they_were_given() -> None:
    assert header_lines([(b"X-A", b"b"), (b"x-a", b""), (b"c", b" d ")]) == b"X-A: b\r\nx-a: \r\nc:  d \r\n"
    assert header_lines([]) == b""


@pytest.mark.parametrize("headers", [[("a", "b")], [(b"a", 5)], [(b"a",)], [b"ab"], [5], [(b"a", b"b", b"c")]])
def test_what_is_no_pair_of_bytes(headers: Any) -> None:
    with pytest.raises(ResponseError):
        header_lines(headers)


@pytest.mark.parametrize("headers", [None, 5])
def test_what_is_no_list(headers: Any) -> None:
    with pytest.raises(ResponseError):
        prepare(200, headers)


def test_the_status_line() -> None:
    assert prepare(200, []).lines == b"HTTP/1.1 200 OK\r\n"
    assert prepare(299, []).lines == b"HTTP/1.1 299 \r\n"


@pytest.mark.parametrize("status", [199, 100, 0, -200, 1000, "200", 200.5, None])
def test_no_final_status(status: Any) -> None:
    with pytest.raises(ResponseError):
        prepare(status, [])


def test_what_is_known_of_a_head() -> None:
    head = prepare(200, [(b"Content-Length", b"5"), (b"Date", b"now"), (b"Connection", b"Close")])
    assert head.lines == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\n"
    assert (head.length, head.close, head.has_date, head.has_server) == (5, True, True, False)


def test_a_head_that_is_prepared_again_is_the_same_one() -> None:
    headers = [(b"a", b"b"), (b"content-length", b"1")]
    assert prepare(200, headers) is prepare(200, list(headers))
    assert prepare(200, headers) is not prepare(201, headers)


@pytest.mark.parametrize(
    ("value", "close"),
    [
        (b"close", True),
        (b"keep-alive, Close", True),
        (b"not-closed", False),
        (b"closed", False),
        (b"x-close", False),
        (b"", False),
        (b"a,\tclose ,b", True),
    ],
)
def test_connection_is_a_list_of_tokens(value: bytes, close: bool) -> None:
    assert prepare(200, [(b"connection", value)]).close is close
    assert prepare(200, [(b"connection", value), (b"Connection", b"x")]).close is close


def test_lists_as_pairs() -> None:
    pairs: Any = [[b"a", b"b"]]
    assert prepare(200, pairs).lines == b"HTTP/1.1 200 OK\r\na: b\r\n"


def test_other_bytes() -> None:
    given: Any = [(b"Content-Length", memoryview(b"5")), (b"x", bytearray(b" a"))]
    head = prepare(200, given)
    assert (head.length, HeadWriter(False, False).fields(head)[1:]) == (
        5,
        ((b"content-length", b"5"), (b"x", b"a")),
    )


def test_an_iterator_is_gone_through_once() -> None:
    for _ in range(2):
        assert prepare(201, iter([(b"content-length", b"7"), (b"connection", b"close")])).length == 7


def test_the_prepared_heads_are_bounded() -> None:
    for number in range(2000):
        prepare(200, [(b"etag", b"%d" % number)])
    prepare(200, [(b"x", b"y" * 100_000)])
    assert len(response_head._prepared) <= 512
    assert max(len(each.lines) for each in response_head._prepared.values()) <= 2048


def test_204_says_nothing_of_a_length() -> None:
    head = prepare(204, [(b"content-length", b"0"), (b"a", b"b")])
    assert (head.lines, head.length) == (b"HTTP/1.1 204 No Content\r\na: b\r\n", -1)


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1.0", b"1,1", b" 1", b"\xb2", b"1" * 19, b"1" * 5000])
def test_lengths_that_are_none(value: bytes) -> None:
    with pytest.raises(ResponseError):
        prepare(200, [(b"content-length", value)])


def test_the_date_is_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    heads, head = HeadWriter(date=True, server=False), prepare(200, [])
    monkeypatch.setattr("time.time", lambda: 784111777.9)
    for _ in range(2):
        assert heads.write(head) == b"HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
    monkeypatch.setattr("time.time", lambda: 784111778.0)
    assert heads.write(head) == f"HTTP/1.1 200 OK\r\ndate: {formatdate(784111778, usegmt=True)}\r\n\r\n".encode()


@pytest.mark.parametrize("date", [True, False])
@pytest.mark.parametrize("server", [True, False])
@pytest.mark.parametrize("given", [[], ["date"], ["server"], ["server", "date"]])
def test_lines_of_our_own_are_those_that_are_wanted_and_not_given(date: bool, server: bool, given: list[str]) -> None:
    head = prepare(200, [(name.encode(), b"x") for name in given])
    heads = HeadWriter(date, server)
    wanted = [name for name, is_wanted in (("date", date), ("server", server)) if is_wanted and name not in given]
    for connection in (b"", b"connection: close\r\n"):
        _, *lines, end = heads.write(head, connection)[:-2].split(b"\r\n")
        names = [line.partition(b":")[0].decode() for line in lines]
        assert names == [*given, *(["connection"] if connection else []), *wanted]
        assert end == b""
