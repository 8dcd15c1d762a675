"""The state and the statistics of a worker as uWSGI's master sees them.

Two words of memory that is shared with the master are written at every request. `cheaper` and `idle` go by them, and a
number of requests that stands there is not lost with a worker that is killed. Everything else is added up in the
worker's counters and handed over once an interval. Without the plugin the words are private memory that nobody reads,
so that a request need not ask whether there is a plugin.
"""

from trio_worker.master.metrics import Counters
from trio_worker.master.native import Counts, Native

# The app that uWSGI has loaded in the master; with lazy-apps it knows of none, and the plugin leaves this aside.
APP = 0


class Ledger:
    """The words that are written at every request.

    Args:
        native: the plugin, None without it.

    Attributes:
        busy: its first item is 1 while a request or a WebSocket session runs, else 0.
        requests: its first item is the number of requests that this worker and its predecessors have served.
        base: what that number had reached before this worker's own requests; its WebSocket sessions, which are
            requests to uWSGI, are added here as they end.
    """

    __slots__ = ("base", "busy", "requests")

    def __init__(self, native: Native | None = None) -> None:
        if native is None:
            self.busy = memoryview(bytearray(4)).cast("i")
            self.requests = memoryview(bytearray(8)).cast("Q")
        else:
            self.busy, self.requests = native.in_request, native.requests
        self.base: int = self.requests[0]


class Accounting:
    """The handover of the worker's counters to uWSGI's statistics.

    Args:
        native: the plugin.
        counters: of this worker.
        ledger: of this worker.
    """

    def __init__(self, native: Native, counters: Counters, ledger: Ledger) -> None:
        self._native = native
        self._counters = counters
        self._ledger = ledger
        self._last = self._counts()

    def flush(self) -> None:
        """Hand over what has been counted since the last call, and the memory that the worker uses now."""
        counts = self._counts()
        if counts != self._last:
            delta = {key: value - self._last[key] for key, value in counts.items()}
            self._native.account(Counts(**delta, app=APP))
            self._last = counts
        self._native.measure_memory()

    def _counts(self) -> dict[str, int]:
        counters, ledger = self._counters, self._ledger
        ledger.requests[0] = served = ledger.base + counters.requests
        return {
            "requests": served,
            # uWSGI's running time is the sum of its requests' times, however many run at once.
            "running_time": counters.micros,
            "response_time": counters.micros,
            "tx": counters.bytes_out + counters.heads_out,
            "exceptions": counters.exceptions,
            "read_errors": counters.timeouts,
            "write_errors": counters.disconnects,
            "harakiri": counters.harakiri,
        }
