"""Ten thousand connections that say nothing: what they cost in memory, and in processor time at rest."""

import time
from functools import partial
from statistics import median

from .clients import allow_connections, idle_connections, still_open
from .memory import KIBI, processor_seconds, worker_memory
from .plan import Plan
from .report import Finding, Table
from .running import QUART, running
from .servers import Server

REST_SECONDS = 10.0
# After the last connection the server still tidies up (timers, garbage); that is not rest yet.
SETTLE_SECONDS = 2.0


def measure_idle(plan: Plan) -> Finding:
    """Measure KiB per connection and processor time over 10 s at rest, Quart hello, one worker."""
    allow_connections(plan.idle)
    raw: dict[str, list[dict[str, float]]] = {}
    turns = plan.in_turn(plan.servers)
    for _, server in turns:
        reading = turns.attempt(server, partial(_measure, plan, server))
        if reading is not None:
            raw.setdefault(server.name, []).append(reading)
            plan.say(f"idle {server.name}: {reading['cpu_percent']:.2f} % of a core")
    return Finding("idle", [_table(plan, raw)], raw)


def _measure(plan: Plan, server: Server) -> dict[str, float]:
    with running(server, QUART, plan.override, connections=plan.idle + 100) as started:
        before = worker_memory(started)
        with idle_connections(started.site.port, plan.idle) as connections:
            time.sleep(SETTLE_SECONDS)
            after, processes = worker_memory(started), started.tree()
            used = processor_seconds(processes)
            time.sleep(REST_SECONDS)
            used = processor_seconds(processes) - used
            kept = still_open(connections)
    return {"kib": (after["rss"] - before["rss"]) / KIBI / plan.idle,
            "cpu_percent": used / REST_SECONDS * 100, "open": kept}  # fmt: skip


def _table(plan: Plan, raw: dict[str, list[dict[str, float]]]) -> Table:
    columns = ["server", "KiB per connection", "CPU at rest, % of a core", "still open"]
    table = Table(f"{plan.idle:,} idle keep-alive connections, one worker (Quart hello)", columns)
    for name, readings in raw.items():
        keys = ("kib", "cpu_percent", "open")
        kib, cpu, kept = (median(reading[key] for reading in readings) for key in keys)
        table.add(name, f"{kib:.1f}", f"{cpu:.2f}", f"{kept:,.0f}")
    return table
