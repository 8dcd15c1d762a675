"""Where the lines of the request log go: many in one write(2), and none kept while the worker waits.

A write for each line would be a good part of what a short request costs. So lines are gathered while the event loop has
something to do, and written when it is about to wait, when they fill a page, or when the oldest has waited too long.
uWSGI's own workers write to the descriptor as well, without `log-date`; a line that cannot be written is lost there
and here.

A message socket of the master (`log-master`, `logger`, `req-logger`) makes one record of each message: there every line
is a write of its own.
"""

import os
import socket
import stat
import time
from collections.abc import Callable

import trio

# Bytes in one write: up to this size (PIPE_BUF) the kernel does not mix a pipe's writers.
PAGE = 4096

# Seconds that a line may wait for others while the loop is busy.
PATIENCE = 0.05

Write = Callable[[bytes], object]


class LogBuffer(trio.abc.Instrument):
    """Gathers lines and writes them together.

    It is an instrument of Trio, because that is who knows when the loop is about to wait.

    Args:
        write: what writes bytes; it must not raise.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._size = 0
        self._oldest = 0.0

    def add(self, line: bytes) -> None:
        """Take one line, its newline included."""
        if self._size + len(line) > PAGE:
            self.flush()
        if not self._lines:
            self._oldest = time.monotonic()
        self._lines.append(line)
        self._size += len(line)

    def before_io_wait(self, timeout: float) -> None:
        """Called by Trio in each turn of its loop, with the seconds that it is going to wait."""
        if self._lines and (timeout > 0 or time.monotonic() - self._oldest > PATIENCE):
            self.flush()

    def flush(self) -> None:
        """Write what there is; at the end of a worker nothing is left."""
        if self._lines:
            lines, self._lines, self._size = self._lines, [], 0
            self._write(b"".join(lines))


def writer(descriptor: int) -> Write:
    """What writes bytes to an open descriptor, as far as it takes them."""

    def write(data: bytes) -> None:
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError:
            return  # The disk is full, or the master does not keep up.

    return write


def takes_many(descriptor: int) -> bool:
    """Whether lines may come together there: yes, unless each write is a message of its own."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return True
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        return opened.type == socket.SOCK_STREAM
