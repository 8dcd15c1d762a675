"""Where the lines of the request log go: many are made and written at once, and none waits while the worker does.

A line made and written by itself would be a good part of what a short request costs: twice as much, because the code
of the request has pushed that of the log out of the processor's caches. So requests are gathered while the event loop
has something to do, and their lines made and written when it is about to wait, when they are many, or when the oldest
has waited too long. uWSGI's own workers write to the descriptor as well, without `log-date`; a line that cannot be
written is lost there and here.

A message socket of the master (`log-master`, `logger`, `req-logger`) makes one record of each message: there every line
is a write of its own.
"""

import os
import socket
import stat
import time
from collections.abc import Callable

import trio

from trio_worker.asgi import Record

# Bytes in one write: up to this size (PIPE_BUF) the kernel does not mix a pipe's writers.
PAGE = 4096

# Requests that are gathered: about as many as have their lines in one page.
MANY = 24

# Seconds that a line may wait for others while the loop is busy.
PATIENCE = 0.05

Write = Callable[[bytes], object]


class LogBuffer(trio.abc.Instrument):
    """Gathers requests and logs them together.

    It is an instrument of Trio, because that is who knows when the loop is about to wait.

    Args:
        line: what makes the line of a request, its newline included; it must not raise.
        write: what writes bytes; it must not raise.
    """

    def __init__(self, line: Callable[[Record], bytes], write: Write) -> None:
        self._line = line
        self._write = write
        self._records: list[Record] = []
        self._oldest = 0.0

    def add(self, record: Record) -> None:
        """Take a request that has ended."""
        if not self._records:
            self._oldest = time.monotonic()
        self._records.append(record)
        if len(self._records) == MANY:
            self.flush()

    def before_io_wait(self, timeout: float) -> None:
        """Called by Trio in each turn of its loop, with the seconds that it is going to wait."""
        if self._records and (timeout > 0 or time.monotonic() - self._oldest > PATIENCE):
            self.flush()

    def flush(self) -> None:
        """Write the lines of what there is; at the end of a worker nothing is left."""
        records, self._records = self._records, []
        page = b""
        for line in map(self._line, records):
            if len(page) + len(line) > PAGE:
                self._write(page)
                page = b""
            page += line
        self._write(page)


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
