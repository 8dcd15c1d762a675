"""The rows: requests per second and p99 under a closed loop, each server in turn for several rounds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .apps.bare import CHUNK, CHUNKS, HELLO
from .clients import fetch
from .load import Load, Requests, wrk
from .payload import write_json
from .plan import Plan
from .rates import as_raw, rate_table
from .report import Finding
from .running import BARE, QUART, Unavailable, running
from .servers import WITH_PLUGIN, WORKER, Flavour, Server

# Long enough for every connection to be open and every lazy import of a first request to be done.
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Row:
    """One kind of request: which applications answer it, at which path, with what.

    A row that posts is answered with the document that it sent, which need not be the same bytes. One that varies has
    another target in each request, so that nothing can be known of it beforehand.
    """

    name: str
    title: str
    apps: Mapping[Flavour, str]
    path: str = "/"
    answer: bytes = HELLO
    posts: bool = False
    varies: bool = False


ROWS = (
    Row("quart", "Quart hello", QUART),
    Row("quart-varied", "Quart hello, each time with another query", QUART, varies=True),
    Row("bare", "Bare ASGI hello", BARE),
    Row("bare-varied", "Bare ASGI hello, each time with another query", BARE, varies=True),
    Row("json", "10 KB JSON POST echoed (Quart)", QUART, "/echo", posts=True),
    Row("stream", "1 MB streamed response (bare ASGI)", BARE, "/stream", CHUNK * CHUNKS),
)


def measure_rows(plan: Plan) -> Finding:
    """Measure the plan's rows. The raw figures are every round's load, by row and server."""
    body = write_json(plan.folder)
    measured = {row.name: _rounds(plan, row, body, plan.servers) for row in ROWS if row.name in plan.rows}
    tables = [rate_table(row.title, measured[row.name], WORKER.name) for row in ROWS if row.name in measured]
    return Finding("rows", tables, {row: as_raw(loads) for row, loads in measured.items()})


def measure_plugin(plan: Plan) -> Finding:
    """What the native plugin costs: the bare row, where a request does nothing else."""
    row = next(row for row in ROWS if row.name == "bare")
    loads = _rounds(plan, row, write_json(plan.folder), [WORKER, WITH_PLUGIN])
    table = rate_table(f"{row.title}, without and with the native plugin", loads, WORKER.name)
    return Finding("plugin", [table], {row.name: as_raw(loads)})


def _rounds(plan: Plan, row: Row, body: Path, servers: Sequence[Server]) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {}
    turns = plan.in_turn(servers)
    for number, server in turns:
        load = turns.attempt(server, partial(_measure, plan, row, server, body))
        if load is not None:
            loads.setdefault(server.name, []).append(load)
            plan.say(f"{row.name} {number}/{plan.rounds} {server.name}: {load.per_second:,.0f}/s")
    return loads


def _measure(plan: Plan, row: Row, server: Server, body: Path) -> Load:
    with running(server, row.apps, plan.override) as started:
        url, sent = started.url + row.path, _requests(row, body)
        _check(row, started.site.port, body)
        wrk(url, WARM_UP_SECONDS, sent)
        load = wrk(url, plan.seconds, sent)
        if load.failed >= load.requests:
            raise Unavailable(f"{load.failed} of {load.requests} requests failed: {started.log_tail()}")
        return load


def _requests(row: Row, body: Path) -> Requests:
    if row.varies:
        return "vary"
    return body if row.posts else None


def _check(row: Row, port: int, body: Path) -> None:
    """Fast and wrong is not fast: one answer is read before any is counted."""
    status, answer = fetch(port, row.path, body.read_bytes() if row.posts else None)
    right = json.loads(answer) == json.loads(body.read_bytes()) if row.posts else answer == row.answer
    if status != 200 or not right:
        raise Unavailable(f"{row.path} answered {status}, {answer[:60]!r}")
