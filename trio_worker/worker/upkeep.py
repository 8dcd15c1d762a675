"""The work of a worker besides serving: it counts, it obeys its limits, and it keeps its master's trust.

One nursery of a few tasks that sleep most of the time; none of them is started per request or connection.
"""

from collections.abc import Callable
from typing import Any

import trio

from trio_worker.http.service import Service
from trio_worker.master.accounting import Accounting, Ledger
from trio_worker.master.metrics import CONNECTIONS, IN_FLIGHT, Metrics
from trio_worker.master.native import Native
from trio_worker.worker import autoreload
from trio_worker.worker.collector import Collector
from trio_worker.worker.departure import Departure
from trio_worker.worker.harakiri import Harakiri
from trio_worker.worker.stall import StallAlarm


class Upkeep:
    """The upkeep of one worker.

    Args:
        service: the worker's.
        uwsgi: uWSGI's module.
        native: the plugin, None without it.
        ledger: the one that the app's fence writes.
        backlog: how many connections wait to be accepted.
        departure: ends the worker at its limits.
    """

    def __init__(
        self,
        service: Service,
        uwsgi: Any,
        native: Native | None,
        ledger: Ledger,
        backlog: Callable[[], int],
        departure: Departure,
    ) -> None:
        self._service = service
        self._uwsgi = uwsgi
        self._native = native
        self._departure = departure
        self._backlog = backlog
        self._metrics = self._make_metrics(ledger)
        self._alarm = StallAlarm(service.options, uwsgi.set_user_harakiri)
        application = service.application
        self._harakiri = Harakiri(
            service.options, application.in_flight, service.counters, backlog, application.give_up
        )

    def _make_metrics(self, ledger: Ledger) -> Metrics:
        service, uwsgi = self._service, self._uwsgi
        gauges = {
            IN_FLIGHT: lambda: len(service.application.in_flight),
            CONNECTIONS: lambda: len(service.connections),
        }
        self._accounting = Accounting(self._native, service.counters, ledger) if self._native else None
        return Metrics(service.counters, uwsgi.worker_id(), gauges, uwsgi.metric_inc, uwsgi.metric_set, self._hand_over)

    def _hand_over(self) -> None:
        if self._accounting is not None:
            self._accounting.flush()
        self._service.counters.flush(self._gauges)

    def _gauges(self) -> dict[str, int]:
        service = self._service
        return {
            "in_flight": service.application.count_running(),
            "connections": len(service.connections),
            "loop_lag": self._metrics.loop_lag,
            "interval": round(service.options.metrics_interval * 1_000_000),
            "backlog": self._backlog(),
        }

    async def run(self) -> None:
        """Keep the worker up until cancelled."""
        self._metrics.declare(self._native is not None, bool(self._service.options.status))
        self._harakiri.install(self._uwsgi)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._metrics.run, self._service.options.metrics_interval)
            nursery.start_soon(self._departure.watch)
            nursery.start_soon(self._harakiri.run)
            nursery.start_soon(self._alarm.run)
            nursery.start_soon(Collector().run)
            nursery.start_soon(self._watch_modules)

    async def _watch_modules(self) -> None:
        options = self._service.options
        if autoreload.needed(options, self._uwsgi.worker_id()):
            await autoreload.watch(options.py_autoreload, options.py_autoreload_ignore, self._uwsgi.reload)

    def flush(self) -> None:
        """Hand over what has been counted and not been handed over yet."""
        self._metrics.flush()
