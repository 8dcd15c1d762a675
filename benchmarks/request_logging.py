"""What a line in the request log costs: Quart hello with logging into a file, and without."""

from dataclasses import asdict
from functools import partial
from statistics import median

from .load import Load
from .loader import Loader
from .plan import Plan
from .report import Finding, Table
from .rows import WARM_UP_SECONDS
from .running import QUART, Unavailable, running
from .servers import Server

Pair = tuple[Load, Load]


def measure_logging(plan: Plan) -> Finding:
    """Measure each server without and then with its request log, so that both meet the same minute."""
    pairs: dict[str, list[Pair]] = {}
    turns = plan.in_turn(plan.servers)
    for number, server in turns:
        pair = turns.attempt(server, partial(_measure, plan, server))
        if pair is not None:
            pairs.setdefault(server.name, []).append(pair)
            off, on = pair
            rates = f"{off.per_second:,.0f}/s, {on.per_second:,.0f}/s"
            plan.say(f"logging {number}/{plan.rounds} {server.name}: {rates}")
    raw = {name: [{"off": asdict(off), "on": asdict(on)} for off, on in loads] for name, loads in pairs.items()}
    return Finding("logging", [_table(pairs)], raw)


def _measure(plan: Plan, server: Server) -> Pair:
    return _load(plan, server, logging=False), _load(plan, server, logging=True)


def _load(plan: Plan, server: Server, logging: bool) -> Load:
    with running(server, QUART, plan.override, logs_requests=logging) as started:
        browser = Loader()
        browser(started.target, WARM_UP_SECONDS)
        load = browser(started.target, plan.seconds)
        lines = started.log.read_bytes().count(b"\n")
    if logging and lines < load.requests:
        raise Unavailable(f"logged {lines} lines for {load.requests} requests")
    return load


def _table(pairs: dict[str, list[Pair]]) -> Table:
    columns = ["server", "off, requests/s", "on, requests/s", "cost"]
    table = Table("Quart hello with request logging into a file", columns)
    for name, loads in pairs.items():
        off, on = (median(load.per_second for load in column) for column in zip(*loads, strict=True))
        cost = median(1 - logged.per_second / plain.per_second for plain, logged in loads)
        table.add(name, f"{off:,.0f}", f"{on:,.0f}", f"{cost * 100:.0f} %")
    return table
