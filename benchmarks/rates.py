"""Requests per second of several rounds, as a table with the ratio that everybody asks for."""

from collections.abc import Mapping
from dataclasses import asdict
from statistics import median
from typing import Any

from .load import Load
from .report import Table
from .servers import WORKER

Rounds = Mapping[str, list[Load]]


def rate_table(title: str, loads: Rounds, ours: str) -> Table:
    """Medians of each server's rounds, and how many times the rate of each the one named `ours` has.

    The ratio is the median of the rounds' own: the machine's speed changes from one round to the next.
    """
    table = Table(title, ["server", "requests/s", "lowest", "highest", f"{WORKER.name} is", "p99 ms"])
    for name, measured in loads.items():
        rates = [load.per_second for load in measured]
        p99 = median(load.p99_ms for load in measured)
        ratio = f"{_ratio(loads[ours], measured):.2f}x" if ours in loads else ""
        per_second = (f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates)))
        table.add(name, *per_second, ratio, f"{p99:.2f}")
        if failed := sum(load.failed for load in measured):
            table.notes.append(f"{name}: {failed} requests failed.")
    return table


def as_raw(loads: Rounds) -> dict[str, list[dict[str, Any]]]:
    """Every round's figures, for the JSON file."""
    return {name: [asdict(load) for load in measured] for name, measured in loads.items()}


def _ratio(ours: list[Load], theirs: list[Load]) -> float:
    return median(mine.per_second / yours.per_second for mine, yours in zip(ours, theirs, strict=False))
