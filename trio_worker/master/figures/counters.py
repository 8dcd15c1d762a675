"""The counters of a worker whose requests are counted by their kinds, in memory that all workers share."""

import gc
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from trio_worker.master.figures.region import (
    COUNTERS,
    DURATION,
    GAUGES,
    REQUEST_SIZE,
    RESPONSE_SIZE,
    SIZES,
    TIMES,
    Kind,
    Region,
)
from trio_worker.master.metrics import REQUEST_TIME_BOUNDS, Counters

# Of a series: where its sums are.
_DURATION_SUM = DURATION + len(TIMES) + 1
_REQUEST_SUM = REQUEST_SIZE + len(SIZES) + 1
_RESPONSE_SUM = RESPONSE_SIZE + len(SIZES) + 1

# The methods that are labels, by OpenTelemetry; any other is OTHER, and so is a route beyond the number that is kept.
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER = "_OTHER"

# The versions that a scope may name.
_VERSIONS = frozenset({"1.0", "1.1", "2", ""})

# Kinds as requests show them that are remembered: a client chooses method and, before the bound, what it matches.
_REMEMBERED = 4096


class FigureCounters(Counters):
    """The counters of this worker, by kinds of requests.

    Args:
        regions: of all workers.
        number: of this worker, from 1.
        routes: how many routes are kept apart, at most.

    Attributes:
        regions: see above.
    """

    __slots__ = ("_base", "_first", "_places", "_region", "_routes", "_words", "regions")

    def __init__(self, regions: Sequence[Region], number: int, routes: int) -> None:
        super().__init__()
        self.regions = regions
        self._region = region = regions[number - 1]
        self._words = region.words
        self._routes = routes
        self._places: dict[tuple[str, str, int, str | None], int] = {}
        # What the predecessors have left.
        self._base = {name: region[name] for name in COUNTERS}
        # Of each series, what the predecessors had counted.
        self._first = {place: self._slots_of(place) for place in region.places()}
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
        micros, sent, scope = request.micros, request.sent, request.scope
        self.micros += micros
        self.bytes_out += sent
        asked = request.asked
        route = None if asked is None and "route" not in scope else self._route(asked, scope)
        words = self._words
        kind = scope["method"], scope["http_version"], request.status // 100, route
        try:
            place = self._places[kind]
        except KeyError:
            place = self._find(*kind)
        words[place + DURATION + bisect_left(TIMES, micros)] += 1
        words[place + _DURATION_SUM] += micros
        words[place + RESPONSE_SIZE + bisect_left(SIZES, sent)] += 1
        words[place + _RESPONSE_SUM] += sent
        if (intake := request.intake) is not None and (came := intake.size):
            words[place + REQUEST_SIZE + bisect_left(SIZES, came)] += 1
            words[place + _REQUEST_SUM] += came

    def _route(self, asked: Any, scope: Any) -> str | None:
        """Return the rule that Quart has matched, or the path of the route that FastAPI has."""
        if not self._routes:
            return None
        route = getattr(scope["route"], "path", None) if asked is None else getattr(asked.url_rule, "rule", None)
        return scope["root_path"] + route if isinstance(route, str) else None

    def add_refusal(self, status: int) -> None:
        """Count a request that was refused before the app saw it, as one that took no time."""
        self.requests += 1
        kind = OTHER, "", status // 100, None
        place = self._places.get(kind) or self._find(*kind)
        self._words[place + DURATION] += 1
        self._words[place + RESPONSE_SIZE] += 1

    def _find(self, method: str, version: str, hundreds: int, route: str | None) -> int:
        kind = Kind(
            method if method in METHODS else OTHER,
            version if version in _VERSIONS else OTHER,
            min(hundreds, 5),
            self._admit(route or ""),
        )
        known = {self._region.kind(place): place for place in self._region.places()}
        place = known.get(kind) or self._region.add(kind.key())
        if place is None:  # No room: only then do kinds lose what tells them apart.
            place = known[Kind(OTHER, "", kind.hundreds, "")]
        if len(self._places) < _REMEMBERED:
            self._places[method, version, hundreds, route] = place
        return place

    def _admit(self, route: str) -> str:
        """Return the route if it is, or may become, one of those that are kept apart in all workers."""
        if not route or not self._routes:
            return ""
        known = {region.kind(place).route for region in self.regions for place in region.places()} - {"", OTHER}
        route = Kind("", "", 0, route).key().decode("utf-8", "ignore").rpartition("\0")[2]
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

    def _slots_of(self, place: int) -> list[int]:
        found: list[int] = self._words[place + DURATION : place + DURATION + len(TIMES) + 1].tolist()
        return found

    def totals(self) -> dict[str, int]:
        """Return every counter by its name below `trio.`; of this worker alone, as uWSGI adds up itself."""
        self.responses = [0] * 6
        slots = [0] * (len(TIMES) + 1)
        for place in self._region.places():
            before = self._first.get(place) or [0] * len(slots)
            own = [count - earlier for count, earlier in zip(self._slots_of(place), before, strict=True)]
            slots = [a + b for a, b in zip(slots, own, strict=True)]
            self.responses[self._region.kind(place).hundreds] += sum(own)
        self.slots = [*_regroup(slots)]
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
