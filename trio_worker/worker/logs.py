"""Python's `logging` into uWSGI's log, each line with the worker's id."""

import logging
import re
from collections.abc import Callable

# What a terminal obeys or takes for the end of a line, but for the tabs and newlines of tracebacks: others choose parts
# of a message, as Quart's of a request that failed has its decoded path in it.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

# Before each further line of a record, so that none of them can be taken for the first line of another.
_INDENT = "    "


class UwsgiHandler(logging.Handler):
    """A handler that writes through `uwsgi.log`, so that every logger of the ini (file, syslog, socket ...) gets it.

    Args:
        write: `uwsgi.log`.
        worker_id: uWSGI's number of this worker.
    """

    def __init__(self, write: Callable[[str], object], worker_id: int) -> None:
        super().__init__()
        self._write = write
        self.setFormatter(logging.Formatter(f"[worker {worker_id}] %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self._write(_writable(self.format(record)))
        except Exception:
            self.handleError(record)


def _writable(text: str) -> str:
    """Return the text as it may stand in the log; besides, `uwsgi.log` raises at a NUL and at what UTF-8 cannot say."""
    text = _CONTROL.sub(lambda found: repr(found[0])[1:-1], text).replace("\n", f"\n{_INDENT}")
    return text.encode("utf-8", "backslashreplace").decode()


def install(write: Callable[[str], object], worker_id: int) -> None:
    """Send what reaches the root logger to uWSGI, unless the app has set up handlers of its own there.

    Our own messages go to uWSGI in any case, from INFO upwards.
    """
    handler = UwsgiHandler(write, worker_id)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(handler)
    own = logging.getLogger("trio_worker")
    own.setLevel(logging.INFO)
    own.addHandler(handler)
    own.propagate = False
