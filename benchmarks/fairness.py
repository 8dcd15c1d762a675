"""Fairness: what one connection that pipelines without pause does to the p99 of 31 others."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

from .cores import on_client_core
from .loader import Loader
from .plan import Plan
from .report import Finding, Table
from .rows import WARM_UP_SECONDS
from .running import QUART, Unavailable, running
from .servers import Server
from .uwsgi_ini import CHECKOUT

OTHERS = 31


def measure_fairness(plan: Plan) -> Finding:
    """Measure the p99 of 31 closed-loop connections alone, and then beside a greedy one. Quart hello.

    Not the bare application: its rates fill the client's core, and the greedy client's share of that core
    would be taken for the server's unfairness.
    """
    raw: dict[str, list[dict[str, float]]] = {}
    turns = plan.in_turn(plan.servers)
    for _, server in turns:
        reading = turns.attempt(server, partial(_measure, plan, server))
        if reading is not None:
            raw.setdefault(server.name, []).append(reading)
            plan.say(f"fairness {server.name}: p99 {reading['alone']:.2f} ms, {reading['beside']:.2f} ms")
    return Finding("fairness", [_table(raw)], raw)


def _measure(plan: Plan, server: Server) -> dict[str, float]:
    with running(server, QUART, plan.override) as started:
        others = Loader(connections=OTHERS)
        others(started.target, WARM_UP_SECONDS)
        alone = others(started.target, plan.seconds)
        with _pipeliner(started.site.port) as answers:
            began = time.monotonic()
            beside = others(started.target, plan.seconds)
            seconds = time.monotonic() - began
    if beside.failed:
        raise Unavailable(f"{beside.failed} requests of the others failed")
    return {"alone": alone.p99_ms, "beside": beside.p99_ms, "greedy_per_second": answers[0] / seconds,
            "others_per_second": beside.per_second}  # fmt: skip


@contextlib.contextmanager
def _pipeliner(port: int) -> Iterator[list[int]]:
    """The greedy client for a with block, after which the list holds its count of answers."""
    command = on_client_core([sys.executable, "-m", "benchmarks.pipeliner", str(port)])
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=pipe, stderr=pipe, text=True)
    answers: list[int] = []
    try:
        yield answers
        process.terminate()
        output, errors = process.communicate(timeout=10)
        if process.returncode:
            raise Unavailable(f"pipelining ended early: {errors.strip().splitlines()[-1]}")
        answers.append(int(output))
    finally:
        process.kill()
        process.wait()


def _table(raw: dict[str, list[dict[str, float]]]) -> Table:
    columns = ["server", "p99 alone, ms", "p99 beside, ms", "ratio", "greedy answers/s", "another's/s"]
    table = Table(f"{OTHERS} connections beside one that pipelines without pause (Quart hello)", columns)
    for name, readings in raw.items():
        keys = ("alone", "beside", "greedy_per_second", "others_per_second")
        alone, beside, greedy, others = (median(reading[key] for reading in readings) for key in keys)
        rates = f"{greedy:,.0f}", f"{others / OTHERS:,.0f}"
        table.add(name, f"{alone:.2f}", f"{beside:.2f}", f"{beside / alone:.2f}", *rates)
    return table
