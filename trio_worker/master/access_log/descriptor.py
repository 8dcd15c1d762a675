"""The descriptor that the log is written to, and a reader that hangs: it is waited for once, then lines are lost.

Standard error is a pipe or a stream socket where Docker, systemd or a shell reads it, and it blocks when they do not. A
worker that stood still there would serve nobody for the sake of a line in the log.
"""

import os
import select
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial

# Seconds that a full log is waited for: a reader that is only slow has read by then.
PATIENCE = 0.1


class LogDescriptor:
    """An open descriptor, written to without blocking.

    Args:
        descriptor: shared with other processes, so its own flags stay as they are.
    """

    def __init__(self, descriptor: int) -> None:
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._send = self._sender(descriptor)
        self._hangs = False

    def _sender(self, descriptor: int) -> Callable[[bytes], int]:
        """Return a function that writes a part of some bytes, or raises BlockingIOError."""
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISSOCK(mode):
            sock = socket.socket(fileno=os.dup(descriptor))
            return lambda data: sock.send(data, socket.MSG_DONTWAIT)
        if not stat.S_ISFIFO(mode):
            return partial(os.write, descriptor)
        # The same pipe, opened once more: O_NONBLOCK belongs to the open file, which others have as well (open(2)).
        with suppress(OSError):
            return partial(os.write, os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK))
        return partial(self._send_with_room, descriptor)

    def _send_with_room(self, descriptor: int, data: bytes) -> int:
        """Write to a pipe of another user's: one that polls as writable takes PIPE_BUF bytes."""
        if not self._poll.poll(0):
            raise BlockingIOError
        return os.write(descriptor, data[: select.PIPE_BUF])

    def write(self, data: bytes) -> None:
        """Write what the log takes; the rest is lost, as where the disk is full."""
        waited = False
        while data:
            try:
                data = data[self._send(data) :]
            except BlockingIOError:
                if waited or not self.has_room():
                    return
                waited = True
            except OSError:
                return

    def has_room(self) -> bool:
        """Wait until the log takes more, for `PATIENCE` seconds; not at all while its reader is known to hang."""
        room = bool(self._poll.poll(0 if self._hangs else PATIENCE * 1000))
        self._hangs = not room
        return room
