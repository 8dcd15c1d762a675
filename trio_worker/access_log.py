"""uWSGI's request log: which requests get a line (`disable-logging`, `log-4xx` ...) and what the line says
(`log-format`).

The format is compiled once into a template and one small function for each of its variables. A name that uWSGI does not
know stands for a log variable or header there and is `-` when unset; here likewise.
"""

import re
import time
from collections.abc import Callable
from functools import lru_cache, partial

from trio_worker.asgi import Record
from trio_worker.metrics import Counters
from trio_worker.options import Options

Value = Callable[[Record], object]

# uWSGI's line when the ini gives no log-format (core/logging.c, uwsgi_logit_simple).
DEFAULT_FORMAT = (
    "[pid: %(pid)|app: 0|req: %(request)/%(request)] %(addr) (%(user)) {%(vars) vars in %(pktsize) bytes} [%(ctime)] "
    "%(method) %(uri) => generated %(rsize) bytes in %(msecs) msecs (%(proto) %(status)) "
    "%(headers) headers in %(hsize) bytes (%(switches) switches on core %(core))"
)

_VARIABLE = re.compile(r"%\(([^)]*)\)")


def make_logger(
    options: Options, counters: Counters, pid: int, worker_id: int, write: Callable[[str], object]
) -> Callable[[Record], None] | None:
    """The function that logs one finished request, or None when the ini wants none logged.

    Args:
        options: the parsed ini.
        counters: of this worker, for the running number in the line.
        pid: of this worker.
        worker_id: uWSGI's number of this worker.
        write: `uwsgi.log`.
    """
    if options.disable_logging and not (options.log_4xx or options.log_5xx or options.log_slow):
        return None
    given = options.log_format
    values = VALUES | {
        "pid": lambda _: pid,
        "wid": lambda _: worker_id,
        "request": lambda _: counters.requests,
    }
    render = compile_format(given or DEFAULT_FORMAT, values, empty="-" if given else "")

    def log_all(record: Record) -> None:
        write(render(record))

    def log_some(record: Record) -> None:
        if _wanted(options, record):
            write(render(record))

    return log_some if options.disable_logging else log_all


def _wanted(options: Options, record: Record) -> bool:
    return bool(
        (options.log_4xx and 400 <= record.status <= 499)
        or (options.log_5xx and 500 <= record.status <= 599)
        or (options.log_slow and record.micros >= options.log_slow * 1000)
    )


def compile_format(format: str, values: dict[str, Value], empty: str = "-") -> Callable[[Record], str]:
    """A function from a record to its line.

    Args:
        format: in the syntax of uWSGI's `log-format`.
        values: what each variable stands for.
        empty: what is written where a variable has no value.
    """
    pieces = _VARIABLE.split(format)
    template = "%s".join(piece.replace("%", "%%") for piece in pieces[::2])
    getters = [values.get(name) or _named(name) for name in pieces[1::2]]

    def render(record: Record) -> str:
        found = [getter(record) for getter in getters]
        return _printable(template % tuple(empty if each in ("", None) else each for each in found))

    return render


def _named(name: str) -> Value:
    """A request variable (`var.HTTP_X_NAME`), else a log variable, which nobody has set."""
    if name.startswith("var.HTTP_"):
        return partial(_header, name.removeprefix("var.HTTP_").replace("_", "-").lower().encode())
    return lambda record: ""


def _printable(line: str) -> str:
    # A client must not be able to begin a new line in the log.
    return line if line.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _header(name: bytes, record: Record) -> str:
    for each, value in record.scope["headers"]:
        if each == name:
            return str(value.decode("latin-1"))
    return ""


def _uri(record: Record) -> str:
    scope = record.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _address(record: Record) -> str:
    client = record.scope.get("client")
    return client[0] if client else ""


def _request_size(record: Record) -> int:
    return sum(len(name) + len(value) for name, value in record.scope["headers"])


def _header_size(record: Record) -> int:
    # The status line, a line for each header, the empty line.
    return 19 + sum(len(name) + len(value) + 4 for name, value in record.headers)


@lru_cache(maxsize=4)
def _ctime(second: int) -> str:
    return time.ctime(second)


@lru_cache(maxsize=4)
def _apache_time(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S %z", time.localtime(second))


def _began(record: Record) -> float:
    """When the request began, in seconds since the epoch."""
    return time.time() - record.micros / 1_000_000


def _memory(column: int, unit: int) -> Value:
    def read(record: Record) -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[column]) * 4096 // unit

    return read


def _zero(record: Record) -> int:
    return 0


# The variables of uWSGI's log-format (core/logging.c, uwsgi_register_logchunks).
VALUES: dict[str, Value] = {
    "uri": _uri,
    "method": lambda record: record.scope.get("method", "GET"),
    "user": lambda record: "",
    "addr": _address,
    "host": partial(_header, b"host"),
    "proto": lambda record: "HTTP/" + record.scope["http_version"],
    "uagent": partial(_header, b"user-agent"),
    "referer": partial(_header, b"referer"),
    "status": lambda record: record.status,
    "rsize": lambda record: record.sent,
    "hsize": _header_size,
    "size": lambda record: record.sent + _header_size(record),
    "cl": lambda record: int(_header(b"content-length", record) or 0),
    "micros": lambda record: record.micros,
    "msecs": lambda record: record.micros // 1000,
    "secs": lambda record: record.micros // 1_000_000,
    "tmsecs": lambda record: int(_began(record) * 1000),
    "tmicros": lambda record: int(_began(record) * 1_000_000),
    "time": lambda record: int(_began(record)),
    "epoch": lambda record: int(time.time()),
    "ctime": lambda record: _ctime(int(_began(record))),
    "ltime": lambda record: _apache_time(int(_began(record))),
    "ftime": lambda record: _apache_time(int(_began(record))),
    "vars": lambda record: len(record.scope["headers"]),
    "pktsize": _request_size,
    "headers": lambda record: len(record.headers),
    "vsz": _memory(0, 1),
    "vszM": _memory(0, 1024 * 1024),
    "rss": _memory(1, 1),
    "rssM": _memory(1, 1024 * 1024),
    "switches": _zero,
    "core": _zero,
    "modifier1": _zero,
    "modifier2": _zero,
    "werr": _zero,
    "rerr": _zero,
    "ioerr": _zero,
}
