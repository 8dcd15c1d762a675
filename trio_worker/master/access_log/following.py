"""The log variables by which a request is followed from one program to the next, and through this worker.

    trace_id, span_id, traceparent   of the client's span (https://www.w3.org/TR/trace-context/)
    protocol                         http/1.0, http/1.1, http/2, websocket or uwsgi
    cause                            why the app did not bring it to its end: see `cause`
    queue                            microseconds that it waited in this worker for its turn
    front                            microseconds from the X-Request-Start of a front until the app was called

`request_id` is set for each request where `trio-request-id` is in the ini (application/request_id.py).
"""

import re
from collections.abc import Callable
from functools import lru_cache

from trio_worker.asgi import Record
from trio_worker.master.access_log.format import began, header, logvar, or_else
from trio_worker.refusal import APP_FAILED

# Versions to come may append to the four fields; the version ff and ids of zeros are not valid (sections 2.2, 2.3).
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")

# The times that fronts write: `t=` and a time since the epoch in seconds with a fraction (nginx), milliseconds (Heroku)
# or microseconds (Apache).
_START = re.compile(r"(?:t=)?(\d{10}(?:\.\d{1,9})?|\d{13}|\d{16})", re.ASCII)


@lru_cache(maxsize=64)
def _ids(given: str) -> tuple[str, str]:
    found = _TRACEPARENT.fullmatch(given)
    if found is None or (found[1] == "00" and found[4]):
        return "", ""
    return found[2], found[3]


def trace_id(record: Record) -> str:
    """Return the trace that the client's `traceparent` names, "" without a valid one."""
    return _ids(header(b"traceparent", record))[0]


def span_id(record: Record) -> str:
    """Return the client's span, which is the parent of whatever the app does."""
    return _ids(header(b"traceparent", record))[1]


def traceparent(record: Record) -> str:
    """Return the header as it came, if it is valid."""
    given = header(b"traceparent", record)
    return given if _ids(given)[0] else ""


def cause(record: Record) -> str:
    """Return why the app did not bring a request to its end, "" where it did.

    `client` has gone away, was `late` with its body or went past a `limit`; the request took longer than `harakiri`;
    the worker did not wait any longer at its `drain` or was ended; there was no room for it (`shed`); the `app` failed.
    """
    refusal = getattr(record, "refusal", None)
    if refusal is not None and not (record.gone and refusal is APP_FAILED):
        return str(refusal.cause)
    # A client that closes its WebSocket brings it to its end.
    return "client" if record.gone and record.scope["type"] == "http" else ""


def protocol(record: Record) -> str:
    """Return the protocol in which the request came."""
    if record.scope["type"] == "websocket":
        return "websocket"
    return getattr(record, "protocol", "") or f"http/{record.scope['http_version']}"


def queue(record: Record) -> int:
    """Return the microseconds that the request waited in this worker before its app was called."""
    return int(getattr(record, "queued", 0) * 1_000_000)


def front(record: Record) -> int:
    """Return the microseconds that it took from the front to the app; 0 where no front says when it got the request."""
    found = _START.fullmatch(header(b"x-request-start", record))
    if found is None:
        return 0
    unit = {13: 1_000, 16: 1_000_000}.get(len(found[1]) if "." not in found[1] else 0, 1)
    # Clocks of two machines may differ.
    return max(0, int((began(record) - float(found[1]) / unit) * 1_000_000))


def _unless_set(name: str, get: Callable[[Record], object]) -> Callable[[Record], object]:
    """Return a variable that is the app's where it has set one of that name."""
    return lambda record: logvar(name, record) or get(record)


# For a `log-format`, where a text without a value is `-`.
_TEXTS = {"trace_id": trace_id, "span_id": span_id, "traceparent": traceparent, "protocol": protocol, "cause": cause}
_NUMBERS = {"queue": queue, "front": front}
VARIABLES: dict[str, Callable[[Record], object]] = {
    **{name: _unless_set(name, or_else(get, "-")) for name, get in _TEXTS.items()},
    **{name: _unless_set(name, get) for name, get in _NUMBERS.items()},
}
