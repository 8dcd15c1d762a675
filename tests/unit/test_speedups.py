"""The readers in C say what those in Python say, or nothing; they are there wherever a C compiler is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_worker.protocols._speedups import read_head
from trio_worker.protocols.http1.plain_head import split_head

# As they are learned: each spelling of a name has an object of its own, which constants here would not have.
NAMES = {name: name[:-1].lower() for name in (b"Host:", b"host:", b"Accept:", b"Connection:", b"X-A:")}
KNOWN = NAMES, {b"GET": "GET", b"HEAD": "HEAD"}, {b"a": True, b"b": True, b"example.org": True, b"?": False}

# Heads that are nearly plain: what a reader may trip over stands beside what it reads.
PLAIN = b"GET|/|/a?b|HTTP/1.1|HTTP/1.0| |  |\t|\r|\n|\r\n|:|: |\0|\x7f|\x80".split(b"|")
FIELDS = b"GET / HTTP/1.1\r\nHost: a\r\n|GET / HTTP/1.1\r\n|Host: a|host: b|Host: ?|Accept: c|Accept:  e  ".split(b"|")
MORE = b"X-A:|X-A: |Connection: close|Connection: keep-alive|Connection: c|X-B: d".split(b"|")
WORDS = st.sampled_from([*PLAIN, *FIELDS, *MORE])
HEADS = st.lists(WORDS, max_size=12).map(lambda words: b"".join(words) + b"\r\n\r\n")


@given(HEADS | st.binary(max_size=64))
def test_heads(data: bytes) -> None:
    assert read_head(*KNOWN, data) == split_head(*KNOWN, data)


def test_a_name_that_comes_twice_in_two_spellings() -> None:
    """Two Hosts would be one for each reader on the way (RFC 9112 section 3.2); llhttp and the rules judge them."""
    assert read_head(*KNOWN, b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n") is None


def test_a_name_that_was_forgotten() -> None:
    """C may go on knowing it, as what it was learned for: never as anything else."""
    names = dict(NAMES)
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n"
    found = "GET", b"/", [(b"host", b"a"), (b"x-a", b"b")], True
    assert read_head(names, *KNOWN[1:], data) == found
    names.clear()
    assert split_head(names, *KNOWN[1:], data) is None
    assert read_head(names, *KNOWN[1:], data) in (None, found)
    assert read_head(names, *KNOWN[1:], data.replace(b"X-A", b"X-B")) is None


@pytest.mark.parametrize("end", range(60))
def test_a_head_that_is_cut(end: int) -> None:
    data = b"GET /a HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n"
    assert read_head(*KNOWN, data[:end]) == split_head(*KNOWN, data[:end])
    assert (read_head(*KNOWN, data[:end]) is None) == (end < len(data))


def test_arguments_of_other_types() -> None:
    with pytest.raises(TypeError, match="three dictionaries and bytes"):
        read_head({}, {}, {}, "text")  # type: ignore[arg-type]
