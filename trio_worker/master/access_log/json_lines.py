"""Request lines as JSON (`trio-log-json`): one object a line, in ASCII, whatever a client has sent (RFC 8259).

Names without a value are left out, so that a line is as long as it has something to say.
"""

import json
import time
from collections.abc import Callable, Mapping

from trio_worker.asgi import Record
from trio_worker.master.access_log import following
from trio_worker.master.access_log.format import NUMBERS, TEXTS, began, header

# The logger that these lines seem to come from, beside those of Python's `logging`.
LOGGER = "trio_worker.request"

_FIELDS: dict[str, Callable[[Record], object]] = {
    "method": TEXTS["method"],
    "uri": TEXTS["uri"],
    "protocol": following.protocol,
    "status": NUMBERS["status"],
    "bytes": NUMBERS["rsize"],
    "micros": NUMBERS["micros"],
    "host": TEXTS["host"],
    "user_agent": TEXTS["uagent"],
    "referer": TEXTS["referer"],
    "forwarded_for": lambda record: header(b"x-forwarded-for", record),
    "cause": following.cause,
    "queue": following.queue,
    "front": following.front,
    "trace_id": following.trace_id,
    "span_id": following.span_id,
}


def dumps(fields: Mapping[str, object]) -> str:
    """Return an object in JSON and ASCII, without what a terminal would obey."""
    # RFC 8259 section 7 lets DEL stand as it is, and so does json.dumps.
    return json.dumps(fields, separators=(",", ":"), default=str).replace("\x7f", r"\u007f")


def timestamp(seconds: float) -> str:
    """Return a time as RFC 3339 has it, in UTC with milliseconds."""
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03d}Z"


def json_line(own: Mapping[str, object], address: Callable[[Record], object]) -> Callable[[Record], str]:
    """Return a function from a record to its line, without the newline.

    Args:
        own: the fields that are the worker's.
        address: gives the client's address.
    """

    def render(record: Record) -> str:
        line = {"time": timestamp(began(record)), "level": "INFO", "logger": LOGGER, **own}
        line |= {name: value for name, get in _FIELDS.items() if (value := get(record))}
        line["client"] = address(record) or ""
        if record.notes is not None and record.notes.logvars:
            line = line | record.notes.logvars | line  # The names that the app chooses can hide none of ours.
        return dumps(line)

    return render


def wrapped(render: Callable[[Record], str], own: Mapping[str, object]) -> Callable[[Record], str]:
    """Return a function that gives the line of a `log-format` that is no JSON as the message of an object."""

    def wrap(record: Record) -> str:
        when = timestamp(began(record))
        return dumps({"time": when, "level": "INFO", "logger": LOGGER, **own, "message": render(record)})

    return wrap
