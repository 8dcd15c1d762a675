"""Behind nginx: each server over the protocol that its operators use there, on a UNIX socket.

nginx shares the client's core with wrk, so the server has its own as in every other section.
"""

from dataclasses import dataclass
from functools import partial

from .load import Load, Target
from .loader import Loader
from .nginx import PROXY_PASS, UWSGI_PASS, nginx
from .plan import Plan
from .rates import as_raw, rate_table
from .report import Finding
from .rows import WARM_UP_SECONDS
from .running import QUART, running
from .servers import GUNICORN, UVICORN, WORKER, Server


@dataclass(frozen=True)
class Front:
    """A server, and how nginx speaks to it."""

    server: Server
    directive: str

    @property
    def name(self) -> str:
        return f"{self.server.name}, {self.directive}"


FRONTS = (
    Front(WORKER, "uwsgi_pass"),
    Front(WORKER, "proxy_pass"),
    Front(GUNICORN, "uwsgi_pass"),
    Front(UVICORN, "proxy_pass"),
)


def measure_fronts(plan: Plan) -> Finding:
    """Measure Quart behind nginx; the first front is ours, and is compared with each."""
    loads = _rounds(plan)
    return Finding("fronts", [rate_table("Behind nginx, Quart hello", loads, FRONTS[0].name)], as_raw(loads))


def _rounds(plan: Plan) -> dict[str, list[Load]]:
    chosen = [front for front in FRONTS if front.server in plan.servers]
    loads: dict[str, list[Load]] = {}
    turns = plan.in_turn(chosen)
    for number, front in turns:
        load = turns.attempt(front, partial(_measure, plan, front))
        if load is not None:
            loads.setdefault(front.name, []).append(load)
            plan.say(f"fronts {number}/{plan.rounds} {front.name}: {load.per_second:,.0f}/s")
    return loads


def _measure(plan: Plan, front: Front) -> Load:
    uwsgi = front.directive == "uwsgi_pass"
    with (
        running(front.server, QUART, plan.override, over_unix=True, uwsgi_protocol=uwsgi) as started,
        nginx(started, UWSGI_PASS if uwsgi else PROXY_PASS) as port,
    ):
        browser = Loader()
        browser(Target(port), WARM_UP_SECONDS)
        return started.measure(lambda: browser(Target(port), plan.seconds))
