"""The writing of a request's figures in C does what the Python code beside it says."""

import struct
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from trio_worker.master.figures.region import CELLS, DURATION_SUM, RESPONSE_SUM, ROW, SERIES_WORDS, SIZES, TIMES

cells: Any = pytest.importorskip("trio_worker.master.figures._cells")

PACKED = struct.pack(f"{len(TIMES)}Q", *TIMES), struct.pack(f"{len(SIZES)}Q", *SIZES)
WORDS = SERIES_WORDS - CELLS


def around(bounds: list[int]) -> Any:
    """Numbers at the bounds, beside them, and far beyond."""
    return some.sampled_from([max(0, each + by) for each in bounds for by in (-1, 0, 1)] + [1 << 40])


@given(some.lists(some.tuples(around(TIMES), around(SIZES)), max_size=20))
def test_what_is_counted(requests: list[tuple[int, int]]) -> None:
    words, expected = memoryview(bytearray(WORDS * 8)).cast("Q"), [0] * WORDS
    for micros, sent in requests:
        cells.count(words, micros, sent, *PACKED)
        expected[ROW * bisect_left(TIMES, micros) + bisect_left(SIZES, sent)] += 1
        expected[DURATION_SUM - CELLS] += micros
        expected[RESPONSE_SUM - CELLS] += sent
    assert words.tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((bytearray(8), 1, 1, *PACKED), ValueError),
        ((bytes(WORDS * 8), 1, 1, *PACKED), BufferError),
        ((bytearray(WORDS * 8), -1, 1, *PACKED), OverflowError),
        ((bytearray(WORDS * 8), 1, "1", *PACKED), TypeError),
        ((bytearray(WORDS * 8), 1, 1, *map(bytearray, PACKED)), TypeError),
        ((), TypeError),
    ],
)
def test_what_is_refused(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        cells.count(*arguments)
