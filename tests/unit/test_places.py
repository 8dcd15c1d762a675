"""A forgotten place is named in a sentence."""

import pytest
from support.places import expect_everywhere


def test_a_forgotten_place_is_named() -> None:
    with pytest.raises(AssertionError) as caught:
        expect_everywhere("metric", {"metrics.py": ["a", "b"], "metrics.ini": ["a"], "metrics.c": ["b", "a"]})
    assert str(caught.value) == "the metric 'b' is missing in metrics.ini; it stands in metrics.py and metrics.c"


def test_nothing_is_said_where_all_places_hold_the_same() -> None:
    expect_everywhere("metric", {"metrics.py": ["b", "a"], "metrics.ini": ["a", "b"]})
