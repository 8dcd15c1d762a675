"""Requests lost while two workers are reloaded again and again under load. The number that should be 0.

Each reload is waited for by what it did, never by the clock: every worker process is a new one, uWSGI's chain
has reported its end, the new workers answer, and the master listens for the next signal again (a SIGHUP that
reaches a process which has not set its handler yet ends it).
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .h2load import h2load_http1, h2load_http2
from .load import wrk, wrk_in_background
from .payload import write_certificate, write_json
from .plan import Plan
from .report import Finding, Table
from .running import BARE, QUART, Running, Unavailable, answering_pid, running, wait_for
from .servers import WORKER, Server, Trigger
from .uwsgi_ini import master_fifo

WORKERS = 2
# The mercy of the slowest peer (gunicorn's graceful timeout is 30 s) and then some.
RELOAD_SECONDS = 60.0
# New workers are asked for by new connections, and the kernel may give all of those to one of them.
ANSWER_SECONDS = 5.0
# Between two reloads the load must be spread over the new workers again, or the next one has nothing to lose.
LOAD_SECONDS = 0.5
# How long a load without any reload is measured, to compare with.
CALM_SECONDS = 5.0
# How long one run of h2load is meant to take: several reloads.
H2LOAD_SECONDS = 15


@dataclass(frozen=True)
class Lost:
    """What a load counted over a number of reloads; wrk tells of 99 % of the answers how late they were at most."""

    requests: int
    failed: int
    reloads: int
    calm_p99_ms: float | None = None
    p99_ms: float | None = None


def measure_reloads(plan: Plan) -> Finding:
    """Reload ours under every variant of load, by chain and by SIGHUP, and the peers under the first one."""
    raw: dict[str, dict[str, dict[str, Any]]] = {}
    tables = []
    for variant in plan.variants:
        servers = plan.servers if variant == plan.variants[0] else _ours(plan)
        raw[variant] = {f"{server.name} by {trigger}": vars(lost)
                        for server in servers if server.h2c or variant != "h2c"
                        for trigger in server.triggers
                        if (lost := _attempt(plan, variant, server, trigger))}  # fmt: skip
        tables.append(_table(variant, raw[variant]))
    return Finding("reload", tables, raw)


def _ours(plan: Plan) -> list[Server]:
    return [server for server in plan.servers if server.triggers == WORKER.triggers]


def _attempt(plan: Plan, variant: str, server: Server, trigger: Trigger) -> Lost | None:
    turns = plan.in_turn([server])
    lost = turns.attempt(server, partial(_measure, plan, variant, server, trigger))
    if lost is not None:
        plan.say(f"reload {variant} {server.name} by {trigger}: {lost.failed} of {lost.requests:,} failed")
    return lost


def _measure(plan: Plan, variant: str, server: Server, trigger: Trigger) -> Lost:
    apps = BARE if variant == "download" else QUART
    certificate = write_certificate(plan.folder) if variant == "h2" else None
    with running(server, apps, plan.override, workers=WORKERS, certificate=certificate) as started:
        if not wait_for(lambda: len(started.workers()) == WORKERS, ANSWER_SECONDS):
            raise Unavailable(f"{len(started.workers())} workers instead of {WORKERS}")
        return VARIANTS[variant](plan, started, partial(reload, started, trigger))


def reload(started: Running, trigger: Trigger) -> None:
    """Reload all workers and return when the new ones serve. Raises `Unavailable` when they never do."""
    before, chains = _pids(started), _chains_completed(started)
    _trigger(started, trigger)

    def done() -> bool:
        if started.process.poll() is not None:
            raise Unavailable(f"ended by its own reload: {started.log_tail()}")
        replaced = len(now := _pids(started)) == WORKERS and not now & before
        chained = trigger is not Trigger.CHAIN or _chains_completed(started) > chains
        return replaced and chained and _handles_hangup(started.process.pid)

    if not wait_for(done, RELOAD_SECONDS):
        raise Unavailable(f"a reload did not end within {RELOAD_SECONDS:.0f} s: {started.log_tail()}")
    _wait_until_all_answer(started)


def _trigger(started: Running, trigger: Trigger) -> None:
    if trigger is Trigger.CHAIN:
        master_fifo(started.site).write_text("c")
    else:
        os.kill(started.process.pid, signal.SIGHUP)


def _pids(started: Running) -> set[int]:
    return {worker.pid for worker in started.workers()}


def _chains_completed(started: Running) -> int:
    return started.log.read_bytes().count(b"chain reloading complete")


def _handles_hangup(pid: int) -> bool:
    """Whether the process has a handler for SIGHUP: bit 0 of SigCgt in proc(5)'s status."""
    with open(f"/proc/{pid}/status") as status:
        caught = next(line.split()[1] for line in status if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << signal.SIGHUP - 1)


def _wait_until_all_answer(started: Running) -> None:
    """Ask until every worker has answered; where the kernel favours one of them, it will have to do."""
    waiting = _pids(started)

    def heard() -> bool:
        waiting.discard(answering_pid(started.site.port, started.target.tls) or 0)
        return not waiting

    if not wait_for(heard, ANSWER_SECONDS) and len(waiting) == WORKERS:
        raise Unavailable(f"no answer after a reload: {started.log_tail()}")


Variant = Callable[[Plan, Running, Callable[[], None]], Lost]


def _under_wrk(path: str = "/", posts: bool = False) -> Variant:
    def measure(plan: Plan, started: Running, reload_once: Callable[[], None]) -> Lost:
        body = write_json(plan.folder) if posts else None
        calm = wrk(started.url + path, CALM_SECONDS, body)
        with wrk_in_background(started.url + path, body) as load:
            for _ in range(plan.reloads):
                load.run_for(LOAD_SECONDS)
                reload_once()
            load.run_for(LOAD_SECONDS)
            counted = load.stop()
        return Lost(counted.requests, counted.failed, plan.reloads, calm.p99_ms, counted.p99_ms)

    return measure


def _under_h2load_http1(plan: Plan, started: Running, reload_once: Callable[[], None]) -> Lost:
    """h2load connects again where the answer said `Connection: close`: one run serves many reloads."""
    length = int(wrk(started.url, 1).per_second * H2LOAD_SECONDS)
    requests = lost = done = 0
    while done < plan.reloads:
        outlasted = 0
        with h2load_http1(started.url, length) as load:
            while done + outlasted < plan.reloads and load.run_for(LOAD_SECONDS):
                reload_once()
                outlasted += load.is_running()
        counts = load.result()
        # A reload counts when the load outlasted it, or died of it.
        done += max(outlasted, bool(counts.lost_over_http1))
        requests, lost = requests + counts.done, lost + counts.lost_over_http1
    return Lost(requests, lost, done)


def _under_h2load_http2(plan: Plan, started: Running, reload_once: Callable[[], None]) -> Lost:
    """h2load does not connect again after a GOAWAY: each reload has a run of its own, and ends it."""
    requests = lost = 0
    for _ in range(plan.reloads):
        with h2load_http2(started.url) as load:
            load.run_for(LOAD_SECONDS)
            reload_once()
        requests, lost = requests + load.result().done, lost + load.result().lost_over_http2
    return Lost(requests, lost, plan.reloads)


VARIANTS: dict[str, Variant] = {
    "get": _under_wrk(),
    "post": _under_wrk("/echo", posts=True),
    "download": _under_wrk("/stream"),
    "h1": _under_h2load_http1,
    "h2c": _under_h2load_http2,
    "h2": _under_h2load_http2,
}

_TITLES = {
    "get": "GET, keep-alive (wrk)",
    "post": "10 KB POST bodies (wrk)",
    "download": "1 MB downloads (wrk)",
    "h1": "GET, keep-alive (h2load --h1)",
    "h2c": "HTTP/2 without TLS, 4 streams a connection (h2load)",
    "h2": "HTTP/2 over TLS, 4 streams a connection (h2load)",
}


def _table(variant: str, lost: dict[str, dict[str, Any]]) -> Table:
    columns = ["server", "reloads", "requests", "failed", "failed per reload", "p99 calm, ms", "p99, ms"]
    table = Table(f"Reloads of {WORKERS} workers under load: {_TITLES[variant]}", columns)
    for name, counted in lost.items():
        per_reload = counted["failed"] / counted["reloads"]
        figures = f"{counted['requests']:,}", str(counted["failed"]), f"{per_reload:.1f}"
        late = (_milliseconds(counted.get(key)) for key in ("calm_p99_ms", "p99_ms"))
        table.add(name, str(counted["reloads"]), *figures, *late)
    return table


def _milliseconds(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.1f}"
