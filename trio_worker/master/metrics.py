"""Counters of this worker and their way into uWSGI's metrics.

A request adds to plain integers here. Once a second, and at exit, the growth of each goes to uWSGI in one `metric_inc`:
that takes a lock and walks a linked list of names, which no request should wait for. Gauges carry the worker's id and
are set, never incremented, so that a worker that crashes leaves nothing behind for its successor to add to.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import trio

log = logging.getLogger(__name__)

# Upper bounds of `request_time.le.B`: the names of the metrics and the bounds in microseconds.
REQUEST_TIME_BOUNDS = {
    "1ms": 1_000,
    "5ms": 5_000,
    "10ms": 10_000,
    "25ms": 25_000,
    "50ms": 50_000,
    "100ms": 100_000,
    "250ms": 250_000,
    "500ms": 500_000,
    "1s": 1_000_000,
    "2500ms": 2_500_000,
    "5s": 5_000_000,
}
_BOUNDS = list(REQUEST_TIME_BOUNDS.values())

# The gauges of a worker, by their names below `trio.worker.N.`: requests in flight, open connections, and how late the
# loop woke last, in microseconds.
IN_FLIGHT, CONNECTIONS, LOOP_LAG = GAUGES = ("in_flight", "connections", "loop_lag.us")


class Counters:
    """The counts of this worker since it started; times are in microseconds, sizes in bytes of body."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "connections",
        "disconnects",
        "exceptions",
        "harakiri",
        "heads_out",
        "messages_in",
        "messages_out",
        "micros",
        "requests",
        "responses",
        "sessions",
        "shed",
        "slots",
        "timeouts",
    )

    def __init__(self) -> None:
        self.shed = 0
        self.requests = self.exceptions = self.disconnects = self.timeouts = 0
        self.bytes_in = self.bytes_out = self.connections = self.micros = 0
        self.sessions = self.messages_in = self.messages_out = 0
        # For uWSGI's own statistics only: requests cancelled by harakiri, bytes of response heads.
        self.harakiri = self.heads_out = 0
        # By the hundreds of the status: the first two places stay empty.
        self.responses = [0] * 6
        # Requests by the first bound that is not below their time; the last place holds the slower ones.
        self.slots = [0] * (len(_BOUNDS) + 1)

    def add(self, request: Any) -> None:
        """Count an HTTP request that has ended; a status of 0 stands for no response at all."""
        micros, status = request.micros, request.status
        self.requests += 1
        self.micros += micros
        self.bytes_out += request.sent
        self.slots[bisect_left(_BOUNDS, micros)] += 1
        if status:
            # A status without a class is to be taken for a 5xx (RFC 9110 section 15).
            self.responses[status // 100 if status < 600 else 5] += 1

    def add_refusal(self, status: int) -> None:
        """Count a request that was refused before the app saw it, as one that took no time."""
        self.requests += 1
        self.slots[0] += 1
        self.responses[status // 100] += 1

    def add_session(self, session: Any) -> None:
        """Take note of a WebSocket session that has ended, where somebody may ask how; its protocol counts it."""

    def hand_over(self, slow: int, raised: Mapping[Any, str], keep: Callable[[Any], object]) -> None:
        """Hand over what ends badly or late from now on, where requests are looked at.

        Args:
            slow: microseconds from which on a request is late.
            raised: not empty as long as a request has raised and not ended.
            keep: called with each of them.
        """

    def flush(self, gauges: Callable[[], Mapping[str, int]]) -> None:
        """Hand over what is not counted where all workers see it, where there is such a place."""

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.totals().items() if value)

    def totals(self) -> dict[str, int]:
        """Return every counter by its name below `trio.`; the histogram is cumulative, as its names say."""
        totals = {
            "requests": self.requests,
            "exceptions": self.exceptions,
            "disconnects": self.disconnects,
            "timeouts": self.timeouts,
            "shed": self.shed,
            "bytes.in": self.bytes_in,
            "bytes.out": self.bytes_out,
            "connections": self.connections,
            "websocket.sessions": self.sessions,
            "websocket.messages.in": self.messages_in,
            "websocket.messages.out": self.messages_out,
            "request_time.us": self.micros,
        }
        totals |= {f"responses.{hundreds}xx": self.responses[hundreds] for hundreds in range(1, 6)}
        return totals | dict(self._histogram())

    def _histogram(self) -> Iterator[tuple[str, int]]:
        below = 0
        for name, count in zip(REQUEST_TIME_BOUNDS, self.slots, strict=False):
            below += count
            yield f"request_time.le.{name}", below


class Metrics:
    """The flush of one worker's counters and gauges into uWSGI's metrics.

    Args:
        counters: the counters to flush.
        worker_id: uWSGI's number of this worker, from 1.
        gauges: each gauge's name below `trio.worker.N.` and the call that gives its value now.
        increase: `uwsgi.metric_inc`.
        put: `uwsgi.metric_set`. Both return None for a name that is not declared.
        account: called at every flush, for the statistics that are no metrics.
    """

    def __init__(
        self,
        counters: Counters,
        worker_id: int,
        gauges: Mapping[str, Callable[[], int]],
        increase: Callable[[str, int], bool | None],
        put: Callable[[str, int], bool | None],
        account: Callable[[], None] | None = None,
    ) -> None:
        self.loop_lag = 0
        self._counters = counters
        self._prefix = f"trio.worker.{worker_id}."
        self._gauges = dict(gauges) | {LOOP_LAG: lambda: self.loop_lag}
        self._increase = increase
        self._put = put
        self._account = account
        self._flushed = dict.fromkeys(counters.totals(), 0)
        self._undeclared: set[str] = set()

    def declare(self, has_plugin: bool = False, are_elsewhere: bool = False) -> None:
        """Look for every name once, set the gauges to 0, and name the undeclared ones in one warning.

        Args:
            has_plugin: whether the plugin declares them, if anybody wants metrics.
            are_elsewhere: whether the figures are on the status socket, so that nobody need want uWSGI's.
        """
        names = [f"trio.{name}" for name in self._flushed]
        self._undeclared = {name for name in names if self._increase(name, 0) is None}
        gauges = [self._prefix + name for name in self._gauges]
        self._undeclared |= {name for name in gauges if self._put(name, 0) is None}
        if are_elsewhere and len(self._undeclared) == len(names) + len(gauges):
            return
        if self._undeclared and has_plugin:
            log.info("no metrics are kept: enable-metrics is off, or there is no master")
        elif self._undeclared:
            log.warning(
                "these metrics are not declared and will not be kept: %s "
                "(load the plugin, or include trio_worker/metrics.ini)",
                " ".join(sorted(self._undeclared)),
            )

    def flush(self) -> None:
        """Hand over what has been counted since the last flush, and the present gauges."""
        for name, total in self._counters.totals().items():
            if total != self._flushed[name] and f"trio.{name}" not in self._undeclared:
                self._increase(f"trio.{name}", total - self._flushed[name])
                self._flushed[name] = total
        for name, value in self._gauges.items():
            if self._prefix + name not in self._undeclared:
                self._put(self._prefix + name, value())
        if self._account is not None:
            self._account()

    async def run(self, interval: float) -> None:
        """Flush every `interval` seconds until cancelled, and measure how late the loop wakes for it."""
        while True:
            due = trio.current_time() + interval
            await trio.sleep_until(due)
            self.loop_lag = max(0, round((trio.current_time() - due) * 1_000_000))
            self.flush()
