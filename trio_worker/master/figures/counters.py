"""The counters of a worker whose requests are counted by their kinds, in memory that all workers share."""

import gc
import os
import struct
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from trio_worker.master.figures.region import (
    CELLS,
    COUNTERS,
    DURATION_SUM,
    GAUGES,
    REQUEST_SIZE,
    REQUEST_SUM,
    RESPONSE_SUM,
    ROUTE_BYTES,
    ROW,
    SERIES_WORDS,
    SIZES,
    TIMES,
    Kind,
    Region,
)
from trio_worker.master.metrics import REQUEST_TIME_BOUNDS, Counters

# The methods that are labels, by OpenTelemetry; any other is OTHER, and so is a route beyond the number that is kept.
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER = "_OTHER"

# The versions that a scope may name.
_VERSIONS = frozenset({"1.0", "1.1", "2", ""})

# Where a series has its sums and the sizes of requests, from its cells on.
_DURATION_SUM, _RESPONSE_SUM = DURATION_SUM - CELLS, RESPONSE_SUM - CELLS
_REQUEST_SIZE, _REQUEST_SUM = REQUEST_SIZE - CELLS, REQUEST_SUM - CELLS

# The bounds as C reads them.
_TIMES, _SIZES = struct.pack(f"{len(TIMES)}Q", *TIMES), struct.pack(f"{len(SIZES)}Q", *SIZES)

# Kinds as requests show them that are remembered: a client chooses method and, before the bound, what it matches.
_REMEMBERED = 4096


class _Count(NamedTuple):
    """The counts of a series by time, and its sums."""

    slots: list[int]
    micros: int
    sent: int

    def less(self, earlier: "_Count | None") -> "_Count":
        if earlier is None:
            return self
        slots = [now - before for now, before in zip(self.slots, earlier.slots, strict=True)]
        return _Count(slots, self.micros - earlier.micros, self.sent - earlier.sent)


try:
    from trio_worker.master.figures._cells import count
except ImportError:

    def count(cells: memoryview, micros: int, sent: int, times: bytes, sizes: bytes, /) -> None:
        """Count a request in the cell of its time and of the size of its response, and add both up."""
        cells[ROW * bisect_left(TIMES, micros) + bisect_left(SIZES, sent)] += 1
        cells[_DURATION_SUM] += micros
        cells[_RESPONSE_SUM] += sent


class FigureCounters(Counters):
    """The counters of this worker, by kinds of requests.

    Args:
        regions: of all workers.
        number: of this worker, from 1.
        routes: how many routes are kept apart, at most.

    Attributes:
        regions: see above.
    """

    __slots__ = (
        "_base", "_first", "_keep", "_kept", "_known", "_raised", "_region", "_routes", "_sent", "_slow", "_words",
        "regions",
    )  # fmt: skip

    def __init__(self, regions: Sequence[Region], number: int, routes: int) -> None:
        super().__init__()
        self.hand_over(sys.maxsize, {}, lambda record: None)
        self.regions = regions
        self._region = region = regions[number - 1]
        self._words = region.words
        self._routes = routes
        # By series, its words as they were when they were added up last.
        self._known: dict[int, tuple[bytes, _Count | None]] = {}
        # Of each kind, the words of its series from the cells on; a sum of places would cost every request something.
        self._kept: dict[tuple[str, str, int, str | None], memoryview] = {}
        # The counts that the predecessors have left.
        self._base = {name: region[name] for name in COUNTERS}
        # The bytes of responses that are in `bytes_out`, which those of WebSockets are in as well.
        self._sent = 0
        # Of each series, what the predecessors had counted.
        self._first = {place: self._count_of(place) for place in region.places()}
        for name in GAUGES:
            region[name] = 0
        region["pid"] = os.getpid()
        known = {region.kind(place) for place in region.places()}
        for kind in [Kind(OTHER, "", hundreds, "") for hundreds in range(6)]:
            if kind not in known:
                region.add(kind.key())

    def add(self, request: Any) -> None:
        """Count a request that has ended."""
        self.requests += 1
        scope, asked = request.scope, request.asked
        if asked is None and "route" not in scope:
            route = None
        else:
            route = self._route(asked, scope)
            request.asked = None  # A circle of the two would wait for the garbage collector.
        try:
            counts = self._kept[scope["method"], scope["http_version"], request.status, route]
        except KeyError:
            counts = self._find(scope["method"], scope["http_version"], request.status, route)
        count(counts, request.micros, request.sent, _TIMES, _SIZES)
        # It stands here because one call more would cost as much as all of this.
        if request.micros >= self._slow or request.status >= 500 or request.gone or request.refusal or self._raised:
            self._keep(request)
        if (intake := request.intake) is not None and (came := intake.size):
            counts[_REQUEST_SIZE + bisect_left(SIZES, came)] += 1
            counts[_REQUEST_SUM] += came

    def add_session(self, session: Any) -> None:
        """Look at how a WebSocket session has ended."""
        if session.gone or session.refusal or self._raised or not 0 < session.status < 500:
            self._keep(session)

    def hand_over(self, slow: int, raised: Mapping[Any, str], keep: Callable[[Any], object]) -> None:
        """Hand over what ends badly or late; see the base class."""
        self._slow, self._raised, self._keep = slow, raised, keep

    def _route(self, asked: Any, scope: Any) -> str | None:
        """Return the rule that Quart has matched, or the path of the route that FastAPI has."""
        if not self._routes:
            return None
        route = getattr(scope["route"], "path", None) if asked is None else getattr(asked.url_rule, "rule", None)
        return scope["root_path"] + route if isinstance(route, str) else None

    def add_refusal(self, status: int) -> None:
        """Count a request that was refused before the app saw it, as one that took no time."""
        self.requests += 1
        kind = OTHER, "", status, None
        (self._kept.get(kind) or self._find(*kind))[0] += 1

    def _find(self, method: str, version: str, status: int, route: str | None) -> memoryview:
        kind = Kind(
            method if method in METHODS else OTHER,
            version if version in _VERSIONS else OTHER,
            min(status // 100, 5),
            self._admit(route or ""),
        )
        known = {self._region.kind(place): place for place in self._region.places()}
        place = known.get(kind) or self._region.add(kind.key())
        if place is None:  # No room: only then do kinds lose what tells them apart.
            place = known[Kind(OTHER, "", kind.hundreds, "")]
        counts = self._words[place + CELLS : place + SERIES_WORDS]
        if len(self._kept) < _REMEMBERED:
            self._kept[method, version, status, route] = counts
        return counts

    def _admit(self, route: str) -> str:
        """Return the route if it is, or may become, one of those that are kept apart in all workers."""
        if not route or not self._routes:
            return ""
        known = {region.kind(place).route for region in self.regions for place in region.places()} - {"", OTHER}
        route = route.encode("utf-8", "replace").replace(b"\0", b"?")[:ROUTE_BYTES].decode("utf-8", "ignore")
        return route if route in known or len(known) < self._routes else OTHER

    def flush(self, gauges: Callable[[], Mapping[str, int]]) -> None:
        """Write what is not written at every request."""
        region = self._region
        now = {"connections_accepted": self.connections} | _collections()
        for name in COUNTERS:
            region[name] = self._base[name] + (now[name] if name in now else getattr(self, name))
        for name, value in gauges().items():
            region[name] = value
        region["flushed_at"] = time.monotonic_ns() // 1000

    def _count_of(self, place: int) -> _Count:
        """Return the counts of a series; adding them up takes ten times as long as seeing that none has changed."""
        words = self._words
        now = bytes(words[place + CELLS : place + REQUEST_SIZE])
        before, count = self._known.get(place, (b"", None))
        if count is None or now != before:
            slots = [sum(row) for row in self._region.rows(place)]
            count = _Count(slots, words[place + DURATION_SUM], words[place + RESPONSE_SUM])
            self._known[place] = now, count
        return count

    def totals(self) -> dict[str, int]:
        """Return every counter by its name below `trio.`; of this worker alone, as uWSGI adds up itself."""
        slots, micros, sent = [0] * (len(TIMES) + 1), 0, 0
        self.responses = [0] * 6
        for place in self._region.places():
            own = self._count_of(place).less(self._first.get(place))
            slots = [a + b for a, b in zip(slots, own.slots, strict=True)]
            micros, sent = micros + own.micros, sent + own.sent
            self.responses[self._region.kind(place).hundreds] += sum(own.slots)
        self.slots, self.micros = [*_regroup(slots)], micros
        self.bytes_out += sent - self._sent
        self._sent = sent
        return super().totals()


def _regroup(slots: list[int]) -> Iterator[int]:
    """Yield counts by the bounds of uWSGI's metrics, each one of these too."""
    count = 0
    bounds = set(REQUEST_TIME_BOUNDS.values())
    for bound, slot in zip([*TIMES, 0], slots, strict=True):
        count += slot
        if bound in bounds or not bound:
            yield count
            count = 0


def _collections() -> dict[str, int]:
    found = {}
    for generation, each in enumerate(gc.get_stats()):
        found[f"gc_collections_{generation}"] = each["collections"]
        found[f"gc_collected_{generation}"] = each["collected"]
    return found
