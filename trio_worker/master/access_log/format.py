"""uWSGI's `log-format`: a line with variables, compiled once into a template and one small function for each variable.

A name that uWSGI does not know stands for a log variable there, which the app sets with `setlogvar`; `var.NAME` is a
variable of the request, `metric.NAME` a metric. What has no value is `-`. All as in core/logging.c (uwsgi_logit_lf).

In a format that is a JSON document the values of texts are escaped as JSON's strings are. uWSGI writes them as they
are, and a client whose User-Agent has a quote in it can then add keys to the line.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

from trio_worker.asgi import Record

Value = Callable[[Record], object]

_VARIABLE = re.compile(r"%\(([^)]+)\)")

# The format of `ltime`, and that of `ftime` without logformat-strftime.
APACHE_TIME = "%d/%b/%Y:%H:%M:%S %z"


def compile_format(format: str, given: Mapping[str, Value | int | str], empty: str = "-") -> Callable[[Record], str]:
    """Return a function from a record to its line, without the newline.

    Args:
        format: in the syntax of uWSGI's `log-format`.
        given: variables besides those that the ended request has itself, or in their place; constants as they are.
        empty: what is written where a text has no value.
    """
    template, getters = "", []
    safe = _in_json if is_json(format) else _as_it_is
    for text, name in _pieces(format):
        template += text.replace("%", "%%")
        value = given.get(name, CONSTANTS.get(name)) if name else ""
        if value is None:
            value = NUMBERS.get(name) or or_else(TEXTS.get(name) or _named(name), empty)
        if callable(value):
            template += "%s"
            getters.append(value if name in NUMBERS else safe(value))
        else:
            template += (str(value) or (name and empty)).replace("%", "%%")

    def render(record: Record) -> str:
        return printable(template % tuple([get(record) for get in getters]))

    return render


def _pieces(format: str) -> list[tuple[str, str]]:
    """Return pairs of a text and the variable behind it; the last text has none."""
    split = [*_VARIABLE.split(format), ""]
    return list(zip(split[::2], split[1::2], strict=True))


def is_json(format: str) -> bool:
    """Tell whether the format is an object or array of JSON once its variables have values."""
    try:
        return isinstance(json.loads(_VARIABLE.sub("0", format)), dict | list)
    except ValueError:
        return False


def _as_it_is(get: Value) -> Value:
    return get


def _in_json(get: Value) -> Value:
    """Give the value as the inside of a JSON string, in ASCII, without what a terminal would obey."""
    # RFC 8259 section 7 lets DEL stand as it is, and so does json.dumps.
    return lambda record: json.dumps(str(get(record)))[1:-1].replace("\x7f", r"\u007f")


def or_else(get: Value, empty: str) -> Value:
    """Return the value with what stands in its place where it is empty."""
    return (lambda record: get(record) or empty) if empty else get


def printable(line: str) -> str:
    """Escape what could begin another line, or be obeyed by a terminal: clients choose parts of a line."""
    return line if line.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _named(name: str) -> Value:
    if not name.startswith("var."):
        return partial(logvar, name)
    name = name.removeprefix("var.")
    if name.startswith("HTTP_"):
        return partial(header, name.removeprefix("HTTP_").replace("_", "-").lower().encode())
    return REQUEST_VARIABLES.get(name, lambda record: "")


def logvar(name: str, record: Record) -> str:
    """Return a log variable that the app has set, "" where it has not."""
    return "" if record.notes is None else record.notes.logvars.get(name, "")


def header(name: bytes, record: Record) -> str:
    """Return a header of the request, "" where it has none of that name."""
    for each, value in record.scope["headers"]:
        if each == name:
            return str(value.decode("latin-1"))
    return ""


def _content_length(record: Record) -> int:
    """Return the Content-Length as a number, 0 where it is none that a body can have."""
    text = header(b"content-length", record).lstrip("0")
    # Python refuses to read a number of thousands of digits; a longer one than this is no length of anything.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _path(record: Record) -> bytes:
    scope = record.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw


def _uri(record: Record) -> str:
    query: bytes = record.scope["query_string"]
    return (_path(record) + b"?" + query if query else _path(record)).decode("latin-1")


def _of_address(key: str, place: int, record: Record) -> Any:
    address = record.scope.get(key)
    return address[place] if address else ""


def _request_size(record: Record) -> int:
    return sum([len(name) + len(value) for name, value in record.scope["headers"]])


def _header_size(record: Record) -> int:
    # The status line, a line for each header, the empty line.
    return 19 + sum([len(name) + len(value) + 4 for name, value in record.response_headers])


@lru_cache(maxsize=4)
def _ctime(second: int) -> str:
    return time.ctime(second)


@lru_cache(maxsize=8)
def _strftime(format: str, second: int) -> str:
    return time.strftime(format, time.localtime(second))


def began(record: Record) -> float:
    """Return the seconds since the epoch at which the request began."""
    # Records hold the clock of perf_counter, and the line may be made a moment after the end.
    return record.began + time.time() - time.perf_counter()


def formatted_time(format: str) -> Value:
    """Return a variable that gives the time at which a request began, by a format of strftime."""
    return lambda record: _strftime(format, int(began(record)))


def _memory(column: int, unit: int) -> Value:
    def read(record: Record) -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[column]) * 4096 // unit

    return read


def _method(record: Record) -> str:
    method: str = record.scope.get("method", "GET")  # A WebSocket session begins with one.
    return method


def _protocol(record: Record) -> str:
    return f"HTTP/{record.scope['http_version']}"


# The names that `var.NAME` may have besides those of headers: the variables that uWSGI's HTTP parser sets.
REQUEST_VARIABLES: dict[str, Value] = {
    "REQUEST_METHOD": _method,
    "REQUEST_URI": _uri,
    "PATH_INFO": lambda record: record.scope["path"],
    "QUERY_STRING": lambda record: record.scope["query_string"].decode("latin-1"),
    "SERVER_PROTOCOL": _protocol,
    "SCRIPT_NAME": lambda record: record.scope["root_path"],
    "SERVER_NAME": partial(_of_address, "server", 0),
    "SERVER_PORT": partial(_of_address, "server", 1),
    "REMOTE_ADDR": partial(_of_address, "client", 0),
    "REMOTE_PORT": partial(_of_address, "client", 1),
    "CONTENT_TYPE": partial(header, b"content-type"),
    "CONTENT_LENGTH": partial(header, b"content-length"),
}

# The variables of uWSGI's log-format (core/logging.c, uwsgi_register_logchunks).
TEXTS: dict[str, Value] = {
    "uri": _uri,
    "method": _method,
    "addr": partial(_of_address, "client", 0),
    "host": partial(header, b"host"),
    "proto": _protocol,
    "uagent": partial(header, b"user-agent"),
    "referer": partial(header, b"referer"),
    "ctime": lambda record: _ctime(int(began(record))),
    "ltime": formatted_time(APACHE_TIME),
    "ftime": formatted_time(APACHE_TIME),
}

NUMBERS: dict[str, Value] = {
    "request": attrgetter("number"),
    "status": attrgetter("status"),
    "rsize": attrgetter("sent"),
    "hsize": _header_size,
    "size": lambda record: record.sent + _header_size(record),
    "cl": _content_length,
    "micros": attrgetter("micros"),
    "msecs": lambda record: record.micros // 1000,
    "secs": lambda record: f"{record.micros / 1_000_000:f}",
    "tmsecs": lambda record: int(began(record) * 1000),
    "tmicros": lambda record: int(began(record) * 1_000_000),
    "time": lambda record: int(began(record)),
    "epoch": lambda record: int(time.time()),
    "vars": lambda record: len(record.scope["headers"]),
    "pktsize": _request_size,
    "headers": lambda record: len(record.response_headers),
    "vsz": _memory(0, 1),
    "vszM": _memory(0, 1024 * 1024),
    "rss": _memory(1, 1),
    "rssM": _memory(1, 1024 * 1024),
}

# uWSGI's requests have these, ours do not.
CONSTANTS: dict[str, int | str] = {
    "user": "",
    "switches": 0,
    "core": 0,
    "modifier1": 0,
    "modifier2": 0,
    "werr": 0,
    "rerr": 0,
    "ioerr": 0,
}
