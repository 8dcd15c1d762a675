"""p99 latency at half of what uvicorn can do at most: every server under the same open-loop load."""

import json
import subprocess
import sys
from functools import partial
from statistics import median

from .cores import on_client_core
from .loader import Loader
from .plan import Plan
from .report import Finding, Table
from .rows import WARM_UP_SECONDS
from .running import QUART, Unavailable, running
from .servers import UVICORN, Server
from .uwsgi_ini import CHECKOUT

PERCENTILES = ("p50_ms", "p99_ms", "p999_ms")


def measure_latency(plan: Plan) -> Finding:
    """Find uvicorn's peak, then load each server in turn with half of it. Quart hello."""
    try:
        rate = _peak(plan) / 2
    except (Unavailable, OSError, subprocess.SubprocessError) as reason:
        plan.left_out.append(f"everything: the peak of {UVICORN.name} is not known: {reason}")
        return Finding("latency", [], {})
    raw: dict[str, list[dict[str, float]]] = {}
    turns = plan.in_turn(plan.servers)
    for _, server in turns:
        reading = turns.attempt(server, partial(_measure, plan, server, rate))
        if reading is not None:
            raw.setdefault(server.name, []).append(reading)
            plan.say(f"latency {server.name}: p99 {reading['p99_ms']:.2f} ms")
    return Finding("latency", [_table(rate, raw)], {"rate": rate, "servers": raw})


def _peak(plan: Plan) -> float:
    with running(UVICORN, QUART) as started:
        browser = Loader()
        browser(started.target, WARM_UP_SECONDS)
        return browser(started.target, plan.seconds).per_second


def _measure(plan: Plan, server: Server, rate: float) -> dict[str, float]:
    with running(server, QUART, plan.override) as started:
        Loader()(started.target, WARM_UP_SECONDS)
        arguments = (started.site.port, rate, plan.seconds)
        command = on_client_core([sys.executable, "-m", "benchmarks.openloop", *map(str, arguments)])
        output = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
        if output.returncode:
            raise Unavailable(output.stderr.strip().splitlines()[-1])
        reading: dict[str, float] = json.loads(output.stdout)
        return reading


def _table(rate: float, raw: dict[str, list[dict[str, float]]]) -> Table:
    title = f"Latency at {rate:,.0f} requests/s, half of uvicorn's peak (open loop, Quart hello)"
    table = Table(title, ["server", "p50 ms", "p99 ms", "p99.9 ms"])
    for name, readings in raw.items():
        table.add(name, *(f"{median(reading[key] for reading in readings):.2f}" for key in PERCENTILES))
    return table
