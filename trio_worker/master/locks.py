"""uWSGI's locks as async context managers.

Such a lock belongs to the thread that took it: no other thread can release it. And a thread that waits for it cannot be
interrupted. So each time a lock is held, one thread takes it, holds it for a task, and releases it. A task that is
cancelled while its thread waits leaves that thread waiting: the next task of this process that wants the lock uses it,
and where there is none the lock is released as soon as it has been taken. Tasks of this process queue for a lock in
their order, so no more than one thread waits for each.
"""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

# Seconds to wait for a lock's release: it does not block, but its thread may have to wait for the GIL.
GIVE_BACK = 1.0

_Call = Callable[[], object]


class _Hold:
    """A lock in the hands of a thread: taken, held for a task, and released."""

    def __init__(self, take: _Call, give: _Call) -> None:
        self._take = take
        self._give = give
        self._let_go = threading.Event()
        self._token = trio.lowlevel.current_trio_token()
        self.taken = trio.Event()
        self.given = trio.Event()
        self.error: Exception | None = None
        self.wanted = True
        trio.lowlevel.start_thread_soon(self._run, lambda _: self._tell(self.given.set))

    def _run(self) -> None:
        try:
            self._take()
        except Exception as error:
            self.error = error
            self._tell(self._took)
            return
        self._tell(self._took)
        self._let_go.wait()
        self._give()

    def _tell(self, what: _Call) -> None:
        try:
            self._token.run_sync_soon(what)
        except trio.RunFinishedError:
            self._let_go.set()

    def _took(self) -> None:
        self.taken.set()
        if not self.wanted:
            self._let_go.set()

    async def give_back(self) -> None:
        """Release the lock and wait until that is done, in a cancelled task too."""
        self._let_go.set()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + GIVE_BACK):
            await self.given.wait()


class _SharedLock:
    """One of uWSGI's locks, for the tasks of this process."""

    def __init__(self, take: _Call, give: _Call) -> None:
        self._take = take
        self._give = give
        self._turn = trio.Lock()
        self._waiting: _Hold | None = None

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Hold the lock in the body of a with statement."""
        async with self._turn:
            hold = await self._acquire()
            try:
                yield
            finally:
                await hold.give_back()

    async def _acquire(self) -> _Hold:
        hold = self._waiting
        if hold is None or hold.taken.is_set():
            # No thread waits for a task that was cancelled, or it has taken the lock and is about to release it.
            hold = self._waiting = _Hold(self._take, self._give)
        hold.wanted = True
        try:
            await hold.taken.wait()
        except trio.Cancelled:
            hold.wanted = False
            if hold.taken.is_set():
                await hold.give_back()
            raise
        self._waiting = None
        if hold.error is not None:
            raise hold.error
        return hold


# The locks that tasks of this process have used, by kind and number.
_LOCKS: dict[tuple[str, int], _SharedLock] = {}


def shared_lock(kind: str, number: int, take: _Call, give: _Call) -> _SharedLock:
    """Return one of uWSGI's locks, the same object for all tasks.

    Args:
        kind, number: the lock.
        take, give: the blocking calls that take and release it.
    """
    return _LOCKS.setdefault((kind, number), _SharedLock(take, give))
