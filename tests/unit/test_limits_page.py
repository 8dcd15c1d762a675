"""The page of the limits has the bounds that are measured."""

import re
from pathlib import Path

from support.hostile.states import STATES

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def test_the_bounds_of_memory() -> None:
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| ([\d,.]+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: int(bound.replace(",", "")) for name, bound, _ in rows}
    assert told == {state.name: state.bound for state in STATES}
    assert all(float(measured.replace(",", "")) <= told[name] for name, _, measured in rows)
