"""Rates and percentiles of the workers, from what one look at the instance has more than an earlier one."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

# Looks that percentiles are made of: the last ten seconds, as on the page.
WINDOW = 10


class Figures(NamedTuple):
    """The figures of a worker, or of all.

    Attributes:
        rate: requests a second since the last look.
        busy: the share of a core that it took.
        half, most: microseconds that half, and 99 of 100, of the requests stay below; None where there were none.
    """

    rate: float = 0.0
    busy: float = 0.0
    half: float | None = None
    most: float | None = None


class History:
    """The last looks at an instance."""

    def __init__(self) -> None:
        self._looks: deque[Any] = deque(maxlen=WINDOW + 1)

    def add(self, state: Any) -> None:
        """Take note of a look, as `GET /state` answers it."""
        self._looks.append(state)

    def of(self, *numbers: int) -> Figures:
        """Return the figures of the workers with these numbers together."""
        now, last, first = self._looks[-1], self._looks[max(0, len(self._looks) - 2)], self._looks[0]
        counts = [0] * (len(now["bounds"]) + 1)
        requests, busy = 0, 0.0
        for number in numbers:
            counts = [
                sum(pair) for pair in zip(counts, _minus(_times(now, number), _times(first, number)), strict=True)
            ]
            requests += sum(_minus(_times(now, number), _times(last, number)))
            busy += _cpu(_worker(last, number), _worker(now, number))
        seconds = max(0.001, now["now"] - last["now"])
        bounds = now["bounds"]
        half, most = percentile(bounds, counts, 0.5), percentile(bounds, counts, 0.99)
        return Figures(requests / seconds, busy / seconds, half, most)


def percentile(bounds: Sequence[int], counts: Sequence[int], share: float) -> float | None:
    """Return the time that this share of the requests stays below, laid between two bounds by their share.

    Args:
        bounds: upper ones.
        counts: of the requests between two bounds, the last one of those above all.
        share: of 1.
    """
    wanted = sum(counts) * share
    below = 0
    for place, count in enumerate(counts):
        if count and below + count >= wanted:
            low = bounds[place - 1] if place else 0
            high = bounds[place] if place < len(bounds) else low * 2
            return low + (high - low) * (wanted - below) / count
        below += count
    return None


def _worker(state: Any, number: int) -> Any:
    return next((each for each in state["workers"] if each["id"] == number), None)


def _times(state: Any, number: int) -> list[int]:
    worker = _worker(state, number)
    return worker["times"] if worker else [0] * (len(state["bounds"]) + 1)


def _minus(now: Sequence[int], before: Sequence[int]) -> list[int]:
    return [max(0, a - b) for a, b in zip(now, before, strict=True)]


def _cpu(before: Any, now: Any) -> float:
    """Return the seconds of processor time between two looks; a process that is new has its own."""
    if not before or not now or before["pid"] != now["pid"]:
        return 0.0
    return max(0.0, float(now["cpu"]) - float(before["cpu"]))
