"""The knowledge that the workers of an instance have of each other, over their respawns.

uWSGI tells a worker neither whether another one accepts, nor whether any ever has. The listening sockets are what all
of them share, and what the master keeps open while workers come and go; so that is where each leaves word, in what the
kernel keeps with an open socket:

- its owner (F_SETOWN) is the master from the moment when a worker has accepted: the name of the instance, which a
  reload of the master keeps;
- its signal (F_SETSIG) is the number of starts that have failed in a row;
- a lock on the byte at the offset of its own process id says that a worker accepts (F_SETLK); the kernel drops it when
  the worker closes the socket, or dies.

Owner and signal mean nothing else here: the kernel looks at them for descriptors with O_ASYNC alone.
"""

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# struct flock (fcntl(2)): type, whence, start, length, process.
_FLOCK = struct.Struct("hhqqi4x")

# The byte locked by a worker that may speak for all whose first start failed; no process has the id 0.
_SPEAKER = 0

# The highest number that a descriptor's signal can be.
MOST_FAILURES = 64


class Siblings:
    """The workers of this instance, as this one sees them.

    Args:
        descriptors: of the listening sockets.
        master: the process id of the master, 0 where there is none.
        workers: `uwsgi.workers`.
    """

    def __init__(
        self, descriptors: Sequence[int], master: int, workers: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> None:
        # Where none is shared, as without a master, nobody comes before or after this worker.
        sockets = [each for each in descriptors if each >= 0 and stat.S_ISSOCK(os.fstat(each).st_mode)]
        self._board = sockets[0] if sockets and master else None
        self._master = master
        self._workers = workers

    def begin_to_accept(self) -> None:
        """Let the others know that this worker accepts; closing the socket takes that back."""
        if self._board is not None:
            _lock(self._board, fcntl.F_RDLCK, os.getpid())
            fcntl.fcntl(self._board, fcntl.F_SETOWN, self._master)
            fcntl.fcntl(self._board, fcntl.F_SETSIG, 0)

    def others(self) -> int:
        """Count the other workers that accept."""
        board = self._board
        if board is None:
            return 0
        return sum(each["pid"] > 0 and _is_locked(board, each["pid"]) for each in self._workers())

    @property
    def any_has_served(self) -> bool:
        """True if any worker of this instance has accepted yet, before a reload of the master or after it."""
        return self._board is not None and fcntl.fcntl(self._board, fcntl.F_GETOWN) == self._master

    def count_failure(self) -> int:
        """Count a start that has failed; returns how many have, one after the other."""
        if self._board is None:
            return 1
        failures = min(fcntl.fcntl(self._board, fcntl.F_GETSIG) + 1, MOST_FAILURES)
        fcntl.fcntl(self._board, fcntl.F_SETSIG, failures)
        return failures

    def speaks_for_all(self) -> bool:
        """Return True to the first worker that asks in the life of an instance, before any has accepted."""
        return self._board is None or (_lock(self._board, fcntl.F_WRLCK, _SPEAKER) and self.count_failure() == 1)


def _lock(descriptor: int, kind: int, offset: int) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLK, _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _is_locked(descriptor: int, offset: int) -> bool:
    """Return True if another process has locked this byte; a lock of one's own is no conflict to the kernel."""
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
