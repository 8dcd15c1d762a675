"""The way of request lines into the log: many are made and written at once, and none waits while the loop is idle.

Making and writing each line by itself would take a good part of the time of a short request, and twice as long as in
a row, because the code of the request has pushed that of the log out of the processor's caches. So requests are
gathered while the event loop is busy. Their lines are made and written when the loop is about to wait, when there are
many, or when the oldest has waited too long. Like uWSGI's own workers this writes straight to the descriptor, without
`log-date`, and loses a line that cannot be written (descriptor.py).

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

# Bytes in one write: up to this size the kernel does not mix the writers of a pipe (PIPE_BUF in pipe(7)).
PAGE = 4096

# Requests that are gathered: about as many as have their lines in one page.
MANY = 24

# Seconds that a line may wait for others while the loop is busy.
PATIENCE = 0.05

Write = Callable[[bytes], object]


class LogBuffer(trio.abc.Instrument):
    """Gathers requests and logs them together.

    It is an instrument of Trio, because only the scheduler knows when the loop is about to wait.

    Args:
        line: the function that makes the line of a request, with its newline; it must not raise.
        write: the function that writes bytes; it must not raise.
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
        """Flush if the loop is going to wait, or the oldest request has waited too long; Trio calls it in each turn."""
        if self._records and (timeout > 0 or time.monotonic() - self._oldest > PATIENCE):
            self.flush()

    def flush(self) -> None:
        """Make and write the lines of all requests that have been gathered."""
        records, self._records = self._records, []
        page = b""
        for line in map(self._line, records):
            if len(page) + len(line) > PAGE:
                self._write(page)
                page = b""
            page += line
        self._write(page)


def takes_many(descriptor: int) -> bool:
    """Return True if several lines may go there in one write, which is so unless each write is a message."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return True
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        return opened.type == socket.SOCK_STREAM
