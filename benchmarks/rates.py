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
    columns = ["server", "requests/s", "lowest", "highest", f"{WORKER.name} is", "p99 ms", "CPU us"]
    table = Table(title, columns)
    for name, measured in loads.items():
        rates = [load.per_second for load in measured]
        p99 = median(load.p99_ms for load in measured)
        ratio = f"{_ratio(loads[ours], measured):.2f}x" if ours in loads else ""
        per_second = (f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates)))
        table.add(name, *per_second, ratio, f"{p99:.2f}", f"{median(load.cpu_micros for load in measured):.1f}")
        if failed := sum(load.failed for load in measured):
            table.notes.append(f"{name}: {failed} requests failed.")
    return table


def cost_table(title: str, loads: Rounds, ours: str) -> Table:
    """Return the processor time of a request: the smallest, which was disturbed least, and the rounds' median.

    The ratio is how much of it the server named `ours` takes, the median of the rounds' own.
    """
    columns = ["server", "smallest CPU, us", "median", f"{WORKER.name} takes", "requests/s"]
    table = Table(f"{title}: processor time a request", columns)
    for name, measured in loads.items():
        costs = [load.cpu_micros for load in measured]
        rate = median(load.per_second for load in measured)
        pairs = zip(loads.get(ours, []), measured, strict=False)
        shares = [mine.cpu_micros / yours.cpu_micros for mine, yours in pairs if yours.cpu_micros]
        share = f"{median(shares):.2f}x" if shares else ""
        table.add(name, f"{min(costs):.1f}", f"{median(costs):.1f}", share, f"{rate:,.0f}")
    return table


def as_raw(loads: Rounds) -> dict[str, list[dict[str, Any]]]:
    """Every round's figures, for the JSON file."""
    return {name: [asdict(load) for load in measured] for name, measured in loads.items()}


def _ratio(ours: list[Load], theirs: list[Load]) -> float:
    return median(mine.per_second / yours.per_second for mine, yours in zip(ours, theirs, strict=False))
