"""Memory: a worker at rest, and what each idle keep-alive connection adds to it."""

from functools import partial
from statistics import median
from typing import Any

import psutil

from .clients import allow_connections, ask, idle_connections
from .plan import Plan
from .report import Finding, Table
from .running import QUART, Running, running
from .servers import Server

CONNECTIONS = 3_000
# Requests before the first reading, so that what a first request imports and caches is not counted as a
# connection's.
WARM_UP_REQUESTS = 500
MEBI, KIBI = 1024 * 1024, 1024


def measure_memory(plan: Plan) -> Finding:
    """Measure RSS at rest and KiB per idle connection, Quart hello, one worker."""
    allow_connections(CONNECTIONS)
    raw: dict[str, list[dict[str, float]]] = {}
    turns = plan.in_turn(plan.servers)
    for _, server in turns:
        reading = turns.attempt(server, partial(_measure, plan, server))
        if reading is not None:
            raw.setdefault(server.name, []).append(reading)
            plan.say(f"memory {server.name}: {reading['rss_kib_per_connection']:.1f} KiB a connection")
    return Finding("memory", [_table(raw)], raw)


def _measure(plan: Plan, server: Server) -> dict[str, float]:
    with running(server, QUART, plan.override, connections=CONNECTIONS + 100) as started:
        with idle_connections(started.site.port, 1) as (connection,):
            for _ in range(WARM_UP_REQUESTS):
                ask(connection)
        before = worker_memory(started)
        with idle_connections(started.site.port, CONNECTIONS):
            after = worker_memory(started)
    return {
        "rss_mib": before["rss"] / MEBI,
        "pss_mib": before["pss"] / MEBI,
        "rss_kib_per_connection": (after["rss"] - before["rss"]) / KIBI / CONNECTIONS,
        "pss_kib_per_connection": (after["pss"] - before["pss"]) / KIBI / CONNECTIONS,
    }


def worker_memory(started: Running) -> dict[str, int]:
    """Resident and proportional bytes of the worker processes; the second shares out common pages."""
    readings: list[Any] = [worker.memory_full_info() for worker in started.workers()]
    return {kind: sum(getattr(reading, kind) for reading in readings) for kind in ("rss", "pss")}


def processor_seconds(processes: list[psutil.Process]) -> float:
    """Processor time that these processes have used so far, user and system."""
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def _table(raw: dict[str, list[dict[str, float]]]) -> Table:
    columns = ["server", "worker RSS, MiB", "of it its own (PSS)", "KiB per connection (RSS)", "(PSS)"]
    table = Table(f"Memory of one worker, Quart hello, {CONNECTIONS:,} idle keep-alive connections", columns)
    for name, readings in raw.items():
        keys = ("rss_mib", "pss_mib", "rss_kib_per_connection", "pss_kib_per_connection")
        table.add(name, *(f"{median(reading[key] for reading in readings):.1f}" for key in keys))
    return table
