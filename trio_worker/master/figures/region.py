"""The region of one worker: an array of words of 64 bits, all beginning with 0.

    words by name | series | series | ...            a series: length of its key, key, counts

A series counts the requests of one kind. It becomes visible with the length of its key, which is written last.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

# Upper bounds of the time of requests in microseconds: those that OpenTelemetry advises for HTTP servers
# (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), and 1 ms for uWSGI's metrics.
TIMES = [
    1_000, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000,
    1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000,
]  # fmt: skip
ADVISED = TIMES[1:]

# Upper bounds of the size of bodies in bytes.
SIZES = [0, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]

# The words by name. What ends with the worker is a gauge, and is 0 again when the next one begins.
GAUGES = ("pid", "flushed_at", "interval", "in_flight", "connections", "loop_lag", "backlog")
COUNTERS = (
    "exceptions", "disconnects", "timeouts", "harakiri", "shed", "bytes_in", "bytes_out", "connections_accepted",
    "sessions", "messages_in", "messages_out",
    "gc_collections_0", "gc_collections_1", "gc_collections_2",
    "gc_collected_0", "gc_collected_1", "gc_collected_2",
)  # fmt: skip
PLACES = {name: place for place, name in enumerate((*GAUGES, *COUNTERS))}

# The place of the first series, bytes of a key at most, and of the route in it.
FIRST = 32
KEY_BYTES = 248
ROUTE_BYTES = 216

# Where a series has what, in words from its beginning. A request is counted in one cell, that of its time and the size
# of its response, because each word costs it something; a request with a body in one for that as well.
_KEY = 1
CELLS = _KEY + KEY_BYTES // 8
ROW = len(SIZES) + 1
DURATION_SUM = CELLS + (len(TIMES) + 1) * ROW
RESPONSE_SUM = DURATION_SUM + 1
REQUEST_SIZE = RESPONSE_SUM + 1
REQUEST_SUM = REQUEST_SIZE + ROW
SERIES_WORDS = REQUEST_SUM + 1

# Words of a region that are there from the beginning: those by name, and a few series.
RESERVED = FIRST + 8 * SERIES_WORDS

# Series of a worker besides those of routes, and for each route.
_BESIDES = 256
_EACH_ROUTE = 12


class Kind(NamedTuple):
    """The kind of a request.

    Attributes:
        method: as OpenTelemetry has it: `_OTHER` for what RFC 9110 and RFC 5789 do not know, or nobody has read.
        version: of HTTP.
        hundreds: of the status; 0 where there was no response.
        route: the rule that the path has matched, "" where it is not known.
    """

    method: str
    version: str
    hundreds: int
    route: str

    def key(self) -> bytes:
        """Return it as a key."""
        return "\0".join((self.method, self.version, str(self.hundreds), self.route)).encode()


class Histogram(NamedTuple):
    """Counts by the first bound that is not below, the last one for what is above all; and the sum."""

    counts: list[int]
    sum: int

    def __add__(self, other: "Histogram") -> "Histogram":  # type: ignore[override]
        return Histogram([a + b for a, b in zip(self.counts, other.counts, strict=True)], self.sum + other.sum)


class Series(NamedTuple):
    """The counts of the requests of one kind."""

    kind: Kind
    durations: Histogram
    request_sizes: Histogram
    response_sizes: Histogram


def count_series(routes: int) -> int:
    """Return how many series a region has room for."""
    return _BESIDES + _EACH_ROUTE * routes


def count_words(routes: int) -> int:
    """Return the words of a region."""
    return FIRST + SERIES_WORDS * count_series(routes)


class Region:
    """A region.

    Args:
        words: the memory.
        reserve: has the kernel keep memory for words from a place on, so many; raises OSError where it has none left.

    Attributes:
        words: see above.
    """

    def __init__(self, words: memoryview, reserve: Callable[[int, int], None]) -> None:
        self.words = words
        self._reserve = reserve
        self._bytes = words.cast("B")

    def __getitem__(self, name: str) -> int:
        value: int = self.words[PLACES[name]]
        return value

    def __setitem__(self, name: str, value: int) -> None:
        self.words[PLACES[name]] = value

    def places(self) -> Iterator[int]:
        """Yield where each series begins."""
        for place in range(FIRST, len(self.words) - SERIES_WORDS + 1, SERIES_WORDS):
            if not self.words[place]:
                return
            yield place

    def add(self, key: bytes) -> int | None:
        """Begin a series and return its place, None where there is no room; only the region's own worker may."""
        place = next(reversed([FIRST - SERIES_WORDS, *self.places()])) + SERIES_WORDS
        if place + SERIES_WORDS > len(self.words):
            return None
        try:
            # With the next one, whose first word says to every reader that it is not there yet.
            self._reserve(place, min(2 * SERIES_WORDS, len(self.words) - place))
        except OSError:
            return None
        start = (place + _KEY) * 8
        self._bytes[start : start + len(key)] = key
        self.words[place] = len(key)
        return place

    def kind(self, place: int) -> Kind:
        """Return the kind of the requests of a series."""
        start = (place + _KEY) * 8
        text = bytes(self._bytes[start : start + self.words[place]]).decode("utf-8", "replace")
        method, version, hundreds, route = text.split("\0", 3)
        return Kind(method, version, int(hundreds), route)

    def series(self) -> Iterator[Series]:
        """Yield the series."""
        for place in self.places():
            rows = self.rows(place)
            times, sent = [sum(row) for row in rows], [sum(column) for column in zip(*rows, strict=True)]
            came: list[int] = self.words[place + REQUEST_SIZE : place + REQUEST_SUM].tolist()
            came[0] = sum(times) - sum(came)
            sums = [self.words[place + each] for each in (DURATION_SUM, REQUEST_SUM, RESPONSE_SUM)]
            yield Series(self.kind(place), *map(Histogram, (times, came, sent), sums))

    def rows(self, place: int) -> list[list[int]]:
        """Return the cells of a series: a row for each time, with a count for each size of response."""
        cells: list[int] = self.words[place + CELLS : place + DURATION_SUM].tolist()
        return [cells[start : start + ROW] for start in range(0, len(cells), ROW)]
