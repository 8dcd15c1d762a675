"""The rows of `row_table.py`, measured: rates and p99 under a closed loop, and processor time a request."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from .clients import fetch
from .load import Load, Target
from .nginx import UWSGI_PASS, nginx
from .payload import write_certificate, write_json
from .plan import Plan
from .rates import Rounds, as_raw, cost_table, rate_table
from .report import Finding, Table
from .row_table import BY_NAME, Row
from .running import Running, Unavailable, running
from .servers import USUAL, WITH_PLUGIN, WORKER, Server

# Long enough for every connection to be open and every lazy import of a first request to be done.
WARM_UP_SECONDS = 1.0


def measure_rows(plan: Plan) -> Finding:
    """Measure the plan's rows. The raw figures are every round's load, by row and server."""
    measured = _measured(plan)
    tables = [rate_table(row.title, loads, WORKER.name) for row, loads in measured]
    return Finding("rows", tables, {row.name: as_raw(loads) for row, loads in measured})


def measure_cost(plan: Plan) -> Finding:
    """Measure the same rows for what a request costs its server, which other work on the machine disturbs least."""
    measured = _measured(plan)
    tables = [cost_table(row.title, loads, WORKER.name) for row, loads in measured]
    return Finding("cost", tables, {row.name: as_raw(loads) for row, loads in measured})


def measure_plugin(plan: Plan) -> Finding:
    """Measure what the native plugin costs: the bare row, where a request does nothing else."""
    row = BY_NAME["hello"]
    loads = _rounds(plan, row, [WORKER, WITH_PLUGIN])
    table: Table = rate_table(f"{row.title}, without and with the native plugin", loads, WORKER.name)
    return Finding("plugin", [table], {row.name: as_raw(loads)})


def _measured(plan: Plan) -> list[tuple[Row, Rounds]]:
    rows = [BY_NAME[name] for name in plan.rows]
    return [(row, _rounds(plan, row, _servers(plan, row))) for row in rows]


def _servers(plan: Plan, row: Row) -> list[Server]:
    """Return the plan's servers; in a row with servers of its own, those of them that the plan has not left out."""
    if row.servers is None:
        return plan.servers
    return [server for server in row.servers if server in plan.servers or server not in USUAL]


def _rounds(plan: Plan, row: Row, servers: Sequence[Server]) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {}
    turns = plan.in_turn(servers)
    for number, server in turns:
        load = turns.attempt(server, partial(_measure, plan, row, server))
        if load is not None:
            loads.setdefault(server.name, []).append(load)
            figures = f"{load.per_second:,.0f}/s, {load.cpu_micros:.1f} us"
            plan.say(f"{row.name} {number}/{plan.rounds} {server.name}: {figures}")
    return loads


def _measure(plan: Plan, row: Row, server: Server) -> Load:
    body = write_json(plan.folder) if row.posts else None
    certificate = write_certificate(plan.folder) if row.tls else None
    with (
        running(server, row.apps, plan.override, over_unix=row.behind_nginx, certificate=certificate,
                uwsgi_protocol=row.behind_nginx) as started,
        _entrance(row, started) as entrance,
    ):  # fmt: skip
        target = replace(entrance, path=row.path, body=body)
        check(row, target)
        row.client(target, WARM_UP_SECONDS)
        return started.measure(lambda: row.client(target, plan.seconds))


@contextlib.contextmanager
def _entrance(row: Row, started: Running) -> Iterator[Target]:
    """Yield where the client is to ask: at the server, or at an nginx before it."""
    if not row.behind_nginx:
        yield started.target
        return
    with nginx(started, UWSGI_PASS) as port:
        yield Target(port)


def check(row: Row, target: Target) -> None:
    """Read one answer before any is counted: fast and wrong is not fast. A WebSocket client checks every echo."""
    sent = target.body.read_bytes() if target.body else None
    status, answer = fetch(target.port, target.path, sent, tls=target.tls)
    right = json.loads(answer) == json.loads(sent) if sent else answer == row.answer
    if status != 200 or not right:
        raise Unavailable(f"{target.path} answered {status}, {answer[:60]!r}")
