"""uWSGI's request log: which requests get a line (`disable-logging`, `log-4xx` ...), its text, and its destination.

format.py compiles a log-format into the text of a line, following.py has the variables that uWSGI does not know,
json_lines.py makes lines that are JSON; buffer.py decides when lines are made and written,
descriptor.py what becomes of them where nobody reads.
"""

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial

from trio_worker.asgi import Record
from trio_worker.master.access_log import following, json_lines
from trio_worker.master.access_log.buffer import LogBuffer, Write, takes_many
from trio_worker.master.access_log.descriptor import LogDescriptor
from trio_worker.master.access_log.format import TEXTS, Value, compile_format, formatted_time, header, is_json
from trio_worker.options import Options

log = logging.getLogger(__name__)

# uWSGI's line when the ini gives no log-format (core/logging.c, uwsgi_logit_simple). The parts in angle brackets
# depend on options.
DEFAULT_FORMAT = (
    "<memory>[pid: %(pid)|app: 0|req: %(request)/%(request)] %(addr) (%(user)) {%(vars) vars in %(pktsize) bytes} "
    "[%(ctime)] %(method) %(uri) => generated %(rsize) bytes in <time>%(via)(%(proto) %(status)) "
    "%(headers) headers in %(hsize) bytes (%(switches) switches on core %(core))"
)
MEMORY = "{address space usage: %(vsz) bytes/%(vszM)MB} {rss usage: %(rss) bytes/%(rssM)MB} "

# Where uWSGI's processes write their log, and request lines as well unless there is a req-logger.
LOG_DESCRIPTOR = 2

# The options that let a request be logged in spite of `disable-logging`.
CONDITIONS = ("log_zero", "log_slow", "log_4xx", "log_5xx", "log_big", "log_sendfile", "log_ioerror")

_METRIC = re.compile(r"%\(metric\.([^)]+)\)")

Given = Value | int | str


class RequestLog:
    """The request log of one worker.

    Args:
        options: the parsed ini.
        own: values of the variables that are the worker's: pid, wid.
        read_metric: `uwsgi.metric_get`.
        write_request: the function that writes a line to `req-logger`; None without the plugin.

    Attributes:
        buffer: the requests whose lines are on their way, None where every line is written at once.
    """

    def __init__(
        self,
        options: Options,
        own: Mapping[str, Given],
        read_metric: Callable[[str], object],
        write_request: Write | None,
    ) -> None:
        self.buffer: LogBuffer | None = None
        self._options = options
        self._render = _compile(options, own, read_metric)
        self._log = self._open(write_request)

    def _open(self, write_request: Write | None) -> Callable[[Record], None]:
        """Return the function that takes a request that is to be logged."""
        if self._options.req_logger and write_request is not None:
            return partial(self._write_line, write_request)
        write = LogDescriptor(LOG_DESCRIPTOR).write
        if not takes_many(LOG_DESCRIPTOR):
            return partial(self._write_line, write)
        self.buffer = LogBuffer(self._line, write)
        return self.buffer.add

    def _write_line(self, write: Write, record: Record) -> None:
        write(self._line(record))

    def _line(self, record: Record) -> bytes:
        """Return the line of a request, b"" where the app has spoilt its scope."""
        try:
            return self._render(record).encode("utf-8", "backslashreplace") + b"\n"
        except Exception:
            log.exception("a request cannot be logged: has the app changed its scope?")
            return b""

    def chooser(self) -> Callable[[Record], None]:
        """Return the function to call with every request that has ended.

        With `disable-logging` and no condition, only requests that ask for it themselves have a line.
        """
        if not self._options.disable_logging:
            return self._log
        return self._log_some if any(getattr(self._options, each) for each in CONDITIONS) else self._log_asked

    def _log_asked(self, record: Record) -> None:
        if record.notes is not None and record.notes.log_this:
            self._log(record)

    def _log_some(self, record: Record) -> None:
        if wanted(self._options, record):
            self._log(record)

    def flush(self) -> None:
        """Write what is gathered."""
        if self.buffer is not None:
            self.buffer.flush()


def wanted(options: Options, record: Record) -> bool:
    """Return True if a request is logged in spite of `disable-logging` (core/logging.c, log_request)."""
    status, size = record.status, record.sent
    return bool(
        (record.notes is not None and record.notes.log_this)
        or (options.log_zero and size == 0)
        or (options.log_slow and record.micros >= options.log_slow * 1000)
        or (options.log_4xx and 400 <= status <= 499)
        or (options.log_5xx and 500 <= status <= 599)
        or (options.log_big and size >= options.log_big)
        or (options.log_sendfile and record.by_sendfile)
        or (options.log_ioerror and record.gone)
    )


def _compile(
    options: Options, own: Mapping[str, Given], read_metric: Callable[[str], object]
) -> Callable[[Record], str]:
    format = options.log_format
    address = _forwarded if options.log_x_forwarded_for else TEXTS["addr"]
    json_own = {"worker": own.get("wid"), "pid": own.get("pid")}
    if options.log_json and not format:
        return json_lines.json_line(json_own, address)
    given = {**following.VARIABLES, **own, "via": lambda record: " via sendfile() " if record.by_sendfile else " "}
    if options.log_x_forwarded_for:
        given["addr"] = _forwarded
    if options.log_format_strftime and options.log_date.startswith("%"):
        given["ftime"] = formatted_time(options.log_date)
    for name in _METRIC.findall(format or ""):
        given[f"metric.{name}"] = _metric(name, read_metric)
    render = compile_format(format or _default_format(options), given, empty="-" if format else "")
    return json_lines.wrapped(render, json_own) if options.log_json and not is_json(format or "") else render


def _default_format(options: Options) -> str:
    took = "%(micros) micros" if options.log_micros else "%(msecs) msecs"
    memory = MEMORY if options.memory_report else ""
    return DEFAULT_FORMAT.replace("<time>", took).replace("<memory>", memory)


def _forwarded(record: Record) -> object:
    return header(b"x-forwarded-for", record) or TEXTS["addr"](record) or "-"


def _metric(name: str, read: Callable[[str], object]) -> Value:
    return lambda record: read(name) or 0
