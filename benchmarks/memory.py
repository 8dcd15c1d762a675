"""Memory: a worker at rest, and what each idle keep-alive connection adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import psutil

from .clients import Use, allow_connections, ask, idle_connections, open_websocket
from .plan import Plan
from .report import Finding, Table
from .running import BARE, QUART, Running, running
from .servers import Flavour, Server

CONNECTIONS = 3_000
# Requests before the first reading, so that what a first request imports and caches is not counted as a
# connection's.
WARM_UP_REQUESTS = 500
WARM_UP_SESSIONS = 20
MEBI, KIBI = 1024 * 1024, 1024


@dataclass(frozen=True)
class Kind:
    """A kind of idle connection: the applications it reaches, and the one use that is made of it."""

    name: str
    title: str
    apps: Mapping[Flavour, str]
    use: Use


KINDS = (
    Kind("keep-alive", "Quart hello, {} idle keep-alive connections", QUART, ask),
    Kind("websocket", "bare ASGI, {} idle WebSockets without compression", BARE, open_websocket),
)


def measure_memory(plan: Plan) -> Finding:
    """Measure RSS at rest and KiB per idle connection of each kind, one worker."""
    allow_connections(CONNECTIONS)
    raw = {kind.name: _rounds(plan, kind) for kind in KINDS}
    return Finding("memory", [_table(kind, raw[kind.name]) for kind in KINDS], raw)


def _rounds(plan: Plan, kind: Kind) -> dict[str, list[dict[str, float]]]:
    readings: dict[str, list[dict[str, float]]] = {}
    turns = plan.in_turn(plan.servers)
    for _, server in turns:
        reading = turns.attempt(server, partial(_measure, plan, kind, server))
        if reading is not None:
            readings.setdefault(server.name, []).append(reading)
            plan.say(f"memory {kind.name} {server.name}: {reading['rss_kib_per_connection']:.1f} KiB a connection")
    return readings


def _measure(plan: Plan, kind: Kind, server: Server) -> dict[str, float]:
    with running(server, kind.apps, plan.override, connections=CONNECTIONS + 100) as started:
        port = started.site.port
        with idle_connections(port, 1) as (connection,), idle_connections(port, WARM_UP_SESSIONS, kind.use):
            for _ in range(WARM_UP_REQUESTS):
                ask(connection)
        before = worker_memory(started)
        with idle_connections(port, CONNECTIONS, kind.use):
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


def _table(kind: Kind, raw: dict[str, list[dict[str, float]]]) -> Table:
    columns = ["server", "worker RSS, MiB", "of it its own (PSS)", "KiB per connection (RSS)", "(PSS)"]
    table = Table(f"Memory of one worker, {kind.title.format(f'{CONNECTIONS:,}')}", columns)
    for name, readings in raw.items():
        keys = ("rss_mib", "pss_mib", "rss_kib_per_connection", "pss_kib_per_connection")
        table.add(name, *(f"{median(reading[key] for reading in readings):.1f}" for key in keys))
    return table
