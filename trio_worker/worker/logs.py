"""Python's `logging` into uWSGI's log, each line with the worker's id."""

import logging
from collections.abc import Callable


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
    """The text as `uwsgi.log` takes it: it raises at a NUL and at what UTF-8 cannot say."""
    return text.replace("\0", r"\x00").encode("utf-8", "backslashreplace").decode()


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
