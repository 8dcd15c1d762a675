"""Python's `logging` into uWSGI's log, each line with the worker's id.

With `logto`, `logger` or `log-master` the log is a pipe to the master of packets, which reads 8,192 bytes of each
(`log-master-bufsize`) and drops the rest. So a long record, as the tree of all tasks is one, leaves in pieces of whole
lines, and each piece says whose it is. (core/logging.c, create_logpipe and uwsgi_master_log)
"""

import logging
import re
import select
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from trio_worker.master.access_log.descriptor import LogDescriptor
from trio_worker.worker.sparing import Sparing

# Characters that a terminal obeys or takes for the end of a line, but for the tabs and newlines of tracebacks: others
# choose parts of a message, as Quart's of a request that failed has its decoded path in it.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

# Before each further line of a record, so that none of them can be taken for the first line of another.
_INDENT = "    "

# Bytes of a piece. `uwsgi_log` keeps 4,096 with its own prefix in hand, the date for one.
PIECE = 4000

# Bytes that a character takes in UTF-8 at most.
_WIDEST = 4

# Where uWSGI has its log.
_LOG = 2

# Seconds that the pieces of one record wait in all for a master that does not keep up; then they are lost.
PATIENCE = 1.0


class Formatter(logging.Formatter):
    """A formatter that has something to say of every exception."""

    def formatException(self, ei: Any) -> str:
        """Return the traceback; where an exception cannot be told, as a group in thousands of others, what it is."""
        try:
            return super().formatException(ei)
        except Exception as error:
            kind, _, frames = ei
            told = "".join(traceback.format_tb(frames))
            return f"{told}{kind.__name__}, of which nothing more can be said ({type(error).__name__})"


class Handler(logging.Handler):
    """A handler that lets nothing out: who logs is not to end by it, nor the worker with him."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say on stderr what could not be logged, if that can be said."""
        with suppress(Exception):  # The traceback of an exception may raise one of its own.
            super().handleError(record)


class UwsgiHandler(Handler):
    """A handler that writes through `uwsgi.log`, so that every logger of the ini (file, syslog, socket ...) gets it.

    Args:
        write: `uwsgi.log`.
        worker_id: uWSGI's number of this worker.
    """

    def __init__(self, write: Callable[[str], object], worker_id: int) -> None:
        super().__init__()
        self._write = write
        # `uwsgi.log` writes with the GIL held, and blocks where nobody reads.
        self._has_room = LogDescriptor(_LOG).has_room
        self._continued = f"[worker {worker_id}] (continued)\n"
        self.setFormatter(Formatter(f"[worker {worker_id}] %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            if not self._has_room():
                return
            text = _writable(self.format(record))
            if len(text) * _WIDEST <= PIECE:
                self._write(text)
            else:
                self._write_pieces(text)
        except Exception:
            self.handleError(record)

    def _write_pieces(self, text: str) -> None:
        first, *others = _pieces(text, PIECE - len(self._continued))
        self._write(first)
        deadline = time.monotonic() + PATIENCE
        for each in others:
            wait_for_room(deadline)
            if self._has_room():
                self._write(self._continued + each)


def _pieces(text: str, size: int) -> Iterator[str]:
    """Yield the text in pieces of whole lines, each of `size` bytes at most; a longer line is cut."""
    piece: list[str] = []
    taken = 0
    for line in _short_lines(text, size):
        length = len(line.encode()) + 1
        if piece and taken + length > size:
            yield "\n".join(piece)
            piece, taken = [], 0
        piece.append(line)
        taken += length
    yield "\n".join(piece)


def _short_lines(text: str, size: int) -> Iterator[str]:
    most = size // _WIDEST
    for line in text.split("\n"):
        if len(line.encode()) < size:
            yield line
        else:
            yield from (line[start : start + most] for start in range(0, len(line), most))


def wait_for_room(deadline: float) -> None:
    """Wait until the pipe to the master takes more: it does not block, and what it has no room for is lost."""
    poll = select.poll()
    poll.register(_LOG, select.POLLOUT)
    poll.poll(max(0.0, deadline - time.monotonic()) * 1000)


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
    handler.addFilter(Sparing())
    own.propagate = False
