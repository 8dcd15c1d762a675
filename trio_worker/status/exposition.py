"""The figures of all workers in the words of Prometheus and OpenMetrics, whichever the reader asks for.

Names and bounds are those of OpenTelemetry's conventions for HTTP and of Prometheus' clients for processes and
interpreters; where nobody has any they begin with `trio_`. What a worker has counted stays when it ends; what it has
now is told of those that run.
"""

import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from importlib.metadata import PackageNotFoundError, version
from operator import add
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from trio_worker.master.figures.region import ADVISED, SIZES, Histogram, Kind, Region
from trio_worker.status import processes
from trio_worker.status.workers import Worker, lag, read

_METHOD, _CLASS, _VERSION = "http_request_method", "http_response_status_class", "network_protocol_version"

# Counters by the name of their word: the metric without `_total`, and what it counts.
_COUNTERS = {
    "exceptions": ("trio_app_exceptions", "Exceptions that left the app."),
    "disconnects": ("trio_client_disconnects", "Requests whose client went away before the whole response."),
    "timeouts": ("trio_client_timeouts", "Connections ended because their client sent or read nothing for too long."),
    "harakiri": ("trio_harakiri", "Requests cancelled because they took longer than harakiri."),
    "shed": ("trio_shed_requests", "Requests refused because there was no room for them."),
    "bytes_in": ("trio_received_bytes", "Bytes of request bodies and WebSocket messages received."),
    "bytes_out": ("trio_sent_bytes", "Bytes of response bodies and WebSocket messages sent."),
    "connections_accepted": ("trio_accepted_connections", "Connections accepted."),
    "sessions": ("trio_websocket_sessions", "WebSockets accepted by the app."),
    "messages_in": ("trio_websocket_received_messages", "WebSocket messages received."),
    "messages_out": ("trio_websocket_sent_messages", "WebSocket messages sent."),
}

# Gauges of each worker by the name of their word.
_GAUGES = {
    "in_flight": ("http_server_active_requests", "Requests and WebSocket sessions that run."),
    "connections": ("trio_open_connections", "Connections that are open."),
    "backlog": ("trio_listen_queue_length", "Connections that wait to be accepted, on the longest queue of TCP."),
}

# The gauges of a worker's process: an attribute of `processes.Process`, and what it is.
_PROCESS = {
    "process_resident_memory_bytes": ("resident", "Resident memory size in bytes."),
    "process_virtual_memory_bytes": ("virtual", "Virtual memory size in bytes."),
    "process_start_time_seconds": ("started", "Start time of the process since the epoch in seconds."),
    "process_open_fds": ("descriptors", "Number of open file descriptors."),
    "process_max_fds": ("most_descriptors", "Maximum number of open file descriptors."),
    "process_threads": ("threads", "Number of threads."),
}


# Samples that are written in a row, and seconds of rest behind them: meanwhile the thread keeps the interpreter.
_IN_A_ROW = 50
_REST = 0.0005


class GivingWay(list[Any]):
    """The samples of a metric, for a thread that writes them: now and then the worker's loop has its turn."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the samples."""
        for number, sample in enumerate(super().__iter__()):
            if number % _IN_A_ROW == _IN_A_ROW - 1:
                time.sleep(_REST)
            yield sample


class Exposition:
    """A collector for `prometheus_client`.

    Args:
        regions: of all workers.
        workers: `uwsgi.workers`.
        release: of uWSGI.
    """

    def __init__(self, regions: Sequence[Region], workers: Callable[[], Sequence[Any]], release: str) -> None:
        self._regions = regions
        self._workers = workers
        self._build = {"version": _version("trio-worker"), "trio": _version("trio"), "uwsgi": release}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its content type, by the reader's `Accept`."""
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind

    def describe(self) -> Iterable[Metric]:
        """Return nothing: `prometheus_client` need not collect to know that no name is taken."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._requests()
        yield from self._counters()
        running = {worker.number: self._regions[worker.number - 1] for worker in self._running()}
        yield from _gauges(running)
        yield from _processes({number: region["pid"] for number, region in running.items()})
        yield from self._interpreters(running)
        yield from self._of_uwsgi()

    def _running(self) -> list[Worker]:
        """Return the workers that run, and have come to count."""
        return [
            each for each in read(self._workers()) if each.pid and self._regions[each.number - 1]["pid"] == each.pid
        ]

    def _requests(self) -> Iterator[Metric]:
        durations: defaultdict[Kind, list[Histogram]] = defaultdict(list)
        received: defaultdict[Kind, list[Histogram]] = defaultdict(list)
        sent: defaultdict[Kind, list[Histogram]] = defaultdict(list)
        for each in [series for region in self._regions for series in region.series()]:
            if any(each.durations.counts):
                durations[each.kind].append(each.durations)
                received[each.kind._replace(route="")].append(each.request_sizes)
                sent[each.kind._replace(route="")].append(each.response_sizes)
        seconds = "Duration of HTTP requests in seconds."
        yield _histogram("http_server_request_duration", "seconds", seconds, durations, _by_seconds, ["http_route"])
        incoming, outgoing = "Size of request bodies in bytes.", "Size of response bodies in bytes."
        yield _histogram("http_server_request_body_size", "bytes", incoming, received, _by_bytes)
        yield _histogram("http_server_response_body_size", "bytes", outgoing, sent, _by_bytes)

    def _counters(self) -> Iterator[Metric]:
        for word, (name, text) in _COUNTERS.items():
            yield CounterMetricFamily(name, text, value=sum(region[word] for region in self._regions))

    def _interpreters(self, running: dict[int, Region]) -> Iterator[Metric]:
        """Yield what the garbage collectors have done, the workers' before these included."""
        collections = CounterMetricFamily(
            "python_gc_collections", "Runs of the garbage collector.", labels=["worker", "generation"]
        )
        collected = CounterMetricFamily(
            "python_gc_objects_collected", "Objects that it has freed.", labels=["worker", "generation"]
        )
        for number, region in running.items():
            for generation in "012":
                collections.add_metric([str(number), generation], region[f"gc_collections_{generation}"])
                collected.add_metric([str(number), generation], region[f"gc_collected_{generation}"])
        implementation = {"implementation": platform.python_implementation(), "version": platform.python_version()}
        yield collections
        yield collected
        yield InfoMetricFamily("python", "The interpreter.", implementation)
        yield InfoMetricFamily("trio_build", "The releases of trio-worker and of what it runs on.", self._build)

    def _of_uwsgi(self) -> Iterator[Metric]:
        workers = list(read(self._workers()))
        states = GaugeMetricFamily("uwsgi_workers", "Workers by their state to uWSGI's master.", labels=["state"])
        found = [each.status.partition("sig")[0] or "signal" for each in workers]
        for state in ("idle", "busy", "pause", "cheap", "signal"):
            states.add_metric([state], found.count(state))
        respawns = CounterMetricFamily(
            "uwsgi_worker_respawns", "Times that the master has replaced a worker.", labels=["worker"]
        )
        for each in workers:
            respawns.add_metric([str(each.number)], each.respawns)
        yield states
        yield respawns


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _histogram(
    name: str,
    unit: str,
    text: str,
    found: dict[Kind, list[Histogram]],
    buckets: Callable[[Histogram], tuple[list[tuple[str, float]], float]],
    more: Sequence[str] = (),
) -> Metric:
    family = HistogramMetricFamily(f"{name}_{unit}", text, labels=[_METHOD, _CLASS, _VERSION, *more], unit=unit)
    for kind, histograms in sorted(found.items()):
        counts, total = buckets(reduce(add, histograms))
        status = f"{kind.hundreds}xx" if kind.hundreds else ""
        labels = [kind.method, status, kind.version, kind.route][: 3 + len(more)]
        family.add_metric(labels, counts, total)
    family.samples = GivingWay(family.samples)
    return family


def _by_seconds(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    # The first bound is uWSGI's metrics' alone.
    first, second, *others = histogram.counts
    return _cumulative([str(bound / 1_000_000) for bound in ADVISED], [first + second, *others]), histogram.sum / 1e6


def _by_bytes(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    return _cumulative([str(float(bound)) for bound in SIZES], histogram.counts), histogram.sum


def _cumulative(bounds: Sequence[str], counts: Sequence[int]) -> list[tuple[str, float]]:
    below, buckets = 0, []
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        below += count
        buckets.append((bound, float(below)))
    return buckets


def _gauges(running: dict[int, Region]) -> Iterator[Metric]:
    for word, (name, text) in _GAUGES.items():
        family = GaugeMetricFamily(name, text, labels=["worker"])
        for number, region in running.items():
            family.add_metric([str(number)], region[word])
        yield family
    late = GaugeMetricFamily(
        "trio_loop_lag_seconds", "How late the worker's loop wakes.", labels=["worker"], unit="seconds"
    )
    for number, region in running.items():
        late.add_metric([str(number)], lag(region) / 1_000_000)
    yield late


def _processes(pids: dict[int, int]) -> Iterator[Metric]:
    found = {number: process for number, pid in pids.items() if (process := processes.read(pid)) is not None}
    cpu = CounterMetricFamily(
        "process_cpu_seconds", "Total user and system CPU time spent in seconds.", labels=["worker"], unit="seconds"
    )
    for number, process in found.items():
        cpu.add_metric([str(number)], process.cpu)
    yield cpu
    for name, (attribute, text) in _PROCESS.items():
        family = GaugeMetricFamily(name, text, labels=["worker"])
        for number, process in found.items():
            if (value := getattr(process, attribute)) is not None:
                family.add_metric([str(number)], value)
        yield family
