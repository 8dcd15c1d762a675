"""The requests of a worker that ended badly or late, the last few of each kind, for those who look at its status.

The counters look at every request (master/figures) and hand over those that are kept. Without `trio-status` there is
no such record at all.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from trio_worker.application.current import CURRENT
from trio_worker.asgi import Record
from trio_worker.master.access_log.following import cause, protocol

# Requests of each kind that are kept, and characters of an exception's text or of a path.
MOST = 20
MOST_TEXT = 500

# Requests that have raised and not ended yet, at most.
MOST_RAISED = 200

# Milliseconds from which on a request is slow, where `log-slow` says nothing.
SLOW = 1_000

# The causes that are a cancellation.
_CANCELLED = frozenset({"client", "harakiri", "drain", "shed", "operator"})


def text_of(error: BaseException) -> str:
    """Return the text of an exception; its own `__str__` may be what fails."""
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"  # As the traceback module has it.


class Recent:
    """The records of one worker.

    Args:
        slow: milliseconds from which on a request is slow; 0 for the default.

    Attributes:
        slow: in microseconds.
        raised: the texts of exceptions by their requests, which have not ended yet.
    """

    def __init__(self, slow: int) -> None:
        self.slow = (slow or SLOW) * 1000
        self.raised: dict[Record, str] = {}
        self._kinds: dict[str, deque[dict[str, Any]]] = {
            kind: deque(maxlen=MOST) for kind in ("errors", "slow", "cancelled")
        }

    def raising(self, raised: Callable[[BaseException], object]) -> Callable[[BaseException], object]:
        """Return what is to be called with every exception that leaves the app; it calls `raised` as well."""

        def both(error: BaseException) -> None:
            self.remember(error)
            raised(error)

        return both

    def remember(self, error: BaseException) -> None:
        """Take note of an exception that the current request ends with."""
        record = CURRENT.get()
        if record is not None:
            self.raised[record] = f"{type(error).__name__}: {text_of(error)}"[:MOST_TEXT]
            if len(self.raised) > MOST_RAISED:  # Of a request that had ended, as by a task that it has left behind.
                del self.raised[next(iter(self.raised))]

    def show(self) -> dict[str, list[dict[str, Any]]]:
        """Return the records of each kind, the latest first."""
        return {kind: list(reversed(found)) for kind, found in self._kinds.items()}

    def keep(self, record: Record) -> None:
        """Keep the record of a request or session, if it ended badly or late."""
        error, why = self.raised.pop(record, ""), cause(record)
        is_session = record.scope["type"] == "websocket"
        entry = {
            "at": round(time.time(), 3),
            "method": record.scope.get("method", "GET"),
            "path": path(record),
            "client": client(record),
            "protocol": protocol(record),
            "status": record.status,
            "micros": record.micros,
            "cause": why,
            "error": error,
        }
        if why in _CANCELLED:
            self._kinds["cancelled"].append(entry)
        elif error or (record.status >= 500 and not is_session):
            self._kinds["errors"].append(entry)
        elif record.micros >= self.slow and not is_session:  # A session is meant to last.
            self._kinds["slow"].append(entry)


def path(record: Record) -> str:
    """Return the path of a request as it is shown: a client may send one of kilobytes, and hundreds of those."""
    found: str = record.scope["path"]
    return found if len(found) <= MOST_TEXT else f"{found[:MOST_TEXT]}…"


def client(record: Record) -> str:
    """Return the client's address, "" where it has none."""
    address = record.scope.get("client")
    return "" if not address else f"{address[0]}:{address[1]}"
