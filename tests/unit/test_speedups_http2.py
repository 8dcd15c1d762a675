"""The reader of HTTP/2's fields in C says what that in Python says."""

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_worker.protocols import _speedups
from trio_worker.protocols.http2.rules import sort_fields

SOURCE = Path(_speedups.__file__).parent / "_speedups.c"
pytestmark = pytest.mark.skipif(
    SOURCE.stat().st_mtime > Path(_speedups.__file__).stat().st_mtime, reason="older than its source: make compiles it"
)

Pairs = tuple[tuple[bytes, bytes], ...]

PSEUDO: Pairs = ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/?a=%20"))

# Names and values that a reader may trip over, beside those that it reads.
NAMES = [b"accept", b"cookie", b"x-a", b"host", b"expect", b"content-length", b"transfer-encoding", b""]
TARGETS = [b"/", b"/a?b", b"*", b"", b"/\x80", b"/a b", b"/" + b"a" * 9000]
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=4)), max_size=8).map(tuple)


def agreed(fields: Pairs) -> object:
    """Return what both readers say of these fields."""
    said = _speedups.read_fields(fields)
    assert said == sort_fields(fields)
    return said


@given(HEADERS, st.sampled_from(TARGETS), st.sampled_from([b"", b"a", b"a:1"]))
def test_fields(headers: Pairs, target: bytes, authority: bytes) -> None:
    agreed((*PSEUDO[:2], (b":authority", authority), (b":path", target), *headers))


@pytest.mark.parametrize("pseudo", [*permutations(PSEUDO)])
def test_the_four_come_in_any_order(pseudo: Pairs) -> None:
    assert agreed((*pseudo, (b"x-a", b"b"))) == (b"GET", b"/?a=%20", b"a", [(b"host", b"a"), (b"x-a", b"b")])


@pytest.mark.parametrize("missing", range(4))
def test_one_of_the_four_is_missing(missing: int) -> None:
    left = PSEUDO[:missing] + PSEUDO[missing + 1 :]
    assert _speedups.read_fields(left) is None
    assert _speedups.read_fields((*left, (b"x-a", b"b"))) is None
    assert _speedups.read_fields((*left, (b":protocol", b"websocket"))) is None
    assert _speedups.read_fields((*left, left[0])) is None


def test_the_bounds() -> None:
    many = tuple((b"x-%d" % number, b"") for number in range(61))
    assert agreed((*PSEUDO, *many[:60]))
    assert agreed((*PSEUDO, *many)) is None
    size = sum(len(name) + len(value) for name, value in PSEUDO)
    assert agreed((*PSEUDO, (b"x", b"v" * (16384 - 1 - size))))
    assert agreed((*PSEUDO, (b"x", b"v" * (16384 - size)))) is None


def test_what_is_no_pair_of_bytes() -> None:
    assert _speedups.read_fields([*PSEUDO]) is None  # type: ignore[arg-type]
    for odd in ((b"x-a",), (b"x-a", "text"), [b"x-a", b"b"], b"x-a"):
        assert _speedups.read_fields((*PSEUDO, odd)) is None  # type: ignore[arg-type]
