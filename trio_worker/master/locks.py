"""uWSGI's locks as async context managers.

Such a lock belongs to the thread that took it: another one can neither release it nor, on Linux, even try. And a thread
that waits for it cannot be interrupted. So each lock has a keeper, one thread that takes it, holds it for a task, and
gives it back. A task that is cancelled while it waits leaves the keeper waiting; the next task here takes over, and
where there is none the lock goes back at once. Tasks of this process queue in front of the keeper, in their order.
"""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

# Seconds that giving a lock back may take: it does not block, but its thread may have to wait for the GIL.
GIVE_BACK = 1.0

_Call = Callable[[], object]


class _Grip:
    """One time that a thread takes, holds and gives back a lock."""

    def __init__(self, take: _Call, give: _Call) -> None:
        self._take = take
        self._give = give
        self._let_go = threading.Event()
        self._token = trio.lowlevel.current_trio_token()
        self.taken = trio.Event()
        self.given = trio.Event()
        self.error: Exception | None = None
        self.wanted = True
        trio.lowlevel.start_thread_soon(self._hold, lambda _: self._tell(self.given.set))

    def _hold(self) -> None:
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
        """Let the lock go and see it gone, in a cancelled task as well."""
        self._let_go.set()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + GIVE_BACK):
            await self.given.wait()


class _Keeper:
    """What tasks of this process share of one lock."""

    def __init__(self, take: _Call, give: _Call) -> None:
        self._take = take
        self._give = give
        self._turn = trio.Lock()
        self._grip: _Grip | None = None

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Hold the lock in the body of a with statement."""
        async with self._turn:
            grip = await self._acquire()
            try:
                yield
            finally:
                await grip.give_back()

    async def _acquire(self) -> _Grip:
        grip = self._grip
        if grip is None or grip.taken.is_set():
            # Nobody waits in the place of a task that was cancelled, or it has come too late.
            grip = self._grip = _Grip(self._take, self._give)
        grip.wanted = True
        try:
            await grip.taken.wait()
        except trio.Cancelled:
            grip.wanted = False
            if grip.taken.is_set():
                await grip.give_back()
            raise
        self._grip = None
        if grip.error is not None:
            raise grip.error
        return grip


# The keepers of this process by the kind and number of their lock.
_KEEPERS: dict[tuple[str, int], _Keeper] = {}


def keeper(kind: str, number: int, take: _Call, give: _Call) -> _Keeper:
    """The keeper of one lock.

    Args:
        kind, number: which lock.
        take, give: how a thread takes it and gives it back.
    """
    return _KEEPERS.setdefault((kind, number), _Keeper(take, give))
