"""The knowledge that the workers of an instance have of each other, over their respawns.

uWSGI tells a worker neither whether another one accepts, nor whether any ever has. The listening sockets are what all
of them share, and what the master keeps open while workers come and go; so that is where each leaves word, in what the
kernel keeps with an open socket:

- its owner (F_SETOWN_EX) is the master, the name of the instance which a reload of the master keeps: as a process from
  the moment when a worker has accepted, as a thread when none has and one has said why. Another process may hold the
  socket for several instances, one after the other, as systemd and a zerg pool do;
- its signal (F_SETSIG) holds two numbers, of the starts in a row that have failed, and of those that have no end yet: a
  worker that dies in one leaves it counted;
- a lock on the byte at the offset of its own process id says that a worker accepts (F_SETLK), one further up that it
  starts; the kernel drops it when the worker closes the socket, or dies.

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

# Added to the process id of a worker that starts; no process id is as high.
_STARTING = 1 << 32

# The byte locked by a worker that leaves by its own will, until it has stopped accepting.
_LEAVER = 1 << 33

# The two numbers have three bits each, since 64 is the highest signal.
MOST = 7

# struct f_owner_ex (fcntl(2)): type, process or thread. Python has no names for the two calls.
_OWNER = struct.Struct("ii")
_SETOWN_EX, _GETOWN_EX = 15, 16
_SPOKEN, _SERVED = 0, 1  # F_OWNER_TID, F_OWNER_PID


# Starts in a row that have crashed before the next one is not tried at once.
CRASHES = 3


class Siblings:
    """The workers of this instance, as this one sees them.

    Args:
        descriptors: of the listening sockets.
        master: the process id of the master, 0 where there is none.
        workers: `uwsgi.workers`.

    Attributes:
        crashes: the starts before this one that have ended without a word, none having accepted since.
    """

    def __init__(
        self, descriptors: Sequence[int], master: int, workers: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> None:
        # Where none is shared, as without a master, nobody comes before or after this worker.
        sockets = [each for each in descriptors if each >= 0 and stat.S_ISSOCK(os.fstat(each).st_mode)]
        self._board = sockets[0] if sockets and master else None
        self._master = master
        self._workers = workers
        self._starts = False
        self.crashes = 0

    def begin_to_start(self) -> None:
        """Let the others know that this worker starts; sets `crashes`."""
        if self._board is not None:
            failures, unseen = self._counts()
            self.crashes = max(0, unseen - self._count(_STARTING))
            _lock(self._board, fcntl.F_RDLCK, os.getpid() + _STARTING)
            self._starts = True
            self._set_counts(failures, unseen + 1)

    def end_start(self) -> None:
        """Take that back, as a worker that accepts, or ends before it does: it has not crashed."""
        if self._board is not None and self._starts:
            self._starts = False
            failures, unseen = self._counts()
            self._set_counts(failures, max(0, unseen - 1))
            _lock(self._board, fcntl.F_UNLCK, os.getpid() + _STARTING)

    def begin_to_accept(self) -> None:
        """Let the others know that this worker accepts; closing the socket takes that back.

        Its start ends later, when uWSGI knows of it as well: until then a chain reload passes over it.
        """
        if self._board is not None:
            _lock(self._board, fcntl.F_RDLCK, os.getpid())
            self._own(_SERVED)
            self._set_counts(0, int(self._starts))

    def others(self) -> int:
        """Count the other workers that accept."""
        return self._count(0)

    def take_turn(self) -> bool:
        """Return True if this worker may leave by its own will: another one accepts, and none is about to leave.

        Where there is no other process there is nobody to wait for.
        """
        others = [each for each in self._workers() if each["pid"] not in (0, os.getpid()) and each["status"] != "cheap"]
        if self._board is None or not others:
            return True
        if not _lock(self._board, fcntl.F_WRLCK, _LEAVER):
            return False
        if self.others():
            return True
        _lock(self._board, fcntl.F_UNLCK, _LEAVER)
        return False

    def _count(self, offset: int) -> int:
        board = self._board
        if board is None:
            return 0
        return sum(each["pid"] > 0 and _is_locked(board, each["pid"] + offset) for each in self._workers())

    @property
    def any_has_served(self) -> bool:
        """True if any worker of this instance has accepted yet, before a reload of the master or after it."""
        return self._owner() == (_SERVED, self._master)

    def count_failure(self) -> int:
        """Count a start that has failed; returns how many have, one after the other."""
        if self._board is None:
            return 1
        self.end_start()
        failures, unseen = self._counts()
        # One crash below the limit: the next start is tried again.
        self._set_counts(min(failures + 1, MOST), min(unseen, CRASHES - 1) if self.has_crashed else unseen)
        return min(failures + 1, MOST)

    @property
    def has_crashed(self) -> bool:
        """True if so many starts before this one have crashed that another one should not follow at once."""
        return self.crashes >= CRASHES

    def _counts(self) -> tuple[int, int]:
        assert self._board is not None
        return divmod(fcntl.fcntl(self._board, fcntl.F_GETSIG), MOST + 1)

    def _set_counts(self, failures: int, unseen: int) -> None:
        assert self._board is not None
        fcntl.fcntl(self._board, fcntl.F_SETSIG, failures * (MOST + 1) + min(unseen, MOST))

    def speaks_for_all(self) -> bool:
        """Return True to the first worker that asks in the life of an instance, before any has accepted."""
        board, owner = self._board, self._owner()
        if board is None:
            return True
        if not _lock(board, fcntl.F_WRLCK, _SPEAKER) or owner == (_SPOKEN, self._master):
            return False
        if owner[1] in (0, self._master):
            self._own(_SPOKEN)
        self._starts = False
        self._set_counts(0, 0)  # The next instance on this socket begins anew.
        return True

    def _owner(self) -> tuple[int, int]:
        if self._board is None:
            return _SPOKEN, 0
        found: bytes = fcntl.fcntl(self._board, _GETOWN_EX, bytes(_OWNER.size))
        return _OWNER.unpack(found)[0], _OWNER.unpack(found)[1]

    def _own(self, kind: int) -> None:
        assert self._board is not None
        fcntl.fcntl(self._board, _SETOWN_EX, _OWNER.pack(kind, self._master))


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
