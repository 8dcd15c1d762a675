"""Turns at the event loop for what may go on and on: what one client has sent, what one app streams.

Trio gives every task that can run a step in each turn of its loop. So however short the steps are, a hundred clients
who always have more keep everybody else waiting for a hundred of them. Those who have had a step, and have more to do,
wait here in the order in which they came, and as many go on in each turn as fit into some milliseconds; where one alone
is too many, his steps become shorter. One who is alone with that waits no longer than a checkpoint takes. Those who are
cancelled by the hundred are so as few at a time.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable

import trio

# CPU seconds that a turn may take while somebody waits here; how many go on in one at most, and in the first one, of
# which nobody knows yet how long their steps are.
TURN, MOST, FIRST = 0.002, 32, 2

# Things in a step of one who does several in each: at most, and where a turn of his alone is too long.
EVENTS, FEWEST = 16, 2


class Turns:
    """Tells who goes on, and when.

    Attributes:
        share: how many go on in a turn, as their steps are at present.
        events: how many things there may be in one step of theirs.
    """

    __slots__ = ("_actions", "_keeper", "_resting", "_room", "_waiting", "events", "share")

    def __init__(self) -> None:
        self.share = self._room = FIRST
        self.events = EVENTS
        self._waiting: deque[trio.lowlevel.Task] = deque()
        self._actions: deque[Callable[[], object]] = deque()
        self._keeper: trio.lowlevel.Task | None = None
        self._resting = False

    def pause(self) -> Awaitable[None]:
        """Return what is to be awaited between two steps; without a keeper it is a checkpoint."""
        if self._keeper is None:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - the caller awaits it
        self._rouse(self._keeper)
        if self._room > 0 and not self._waiting:
            self._room -= 1
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - the caller awaits it
        return self._wait()

    def soon(self, action: Callable[[], object]) -> None:
        """Have this called, now or behind what others have called here: as many in a turn as go on in it.

        Args:
            action: wakes somebody, and does not raise.
        """
        if self._keeper is None:
            action()
            return
        self._rouse(self._keeper)
        self._actions.append(action)

    def _rouse(self, keeper: trio.lowlevel.Task) -> None:
        if self._resting:
            self._resting = False
            trio.lowlevel.reschedule(keeper)

    async def _wait(self) -> None:
        task = trio.lowlevel.current_task()

        def leave(_: object) -> trio.lowlevel.Abort:
            self._waiting.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._waiting.append(task)
        await trio.lowlevel.wait_task_rescheduled(leave)

    async def keep(self) -> None:
        """Let some go on in each turn, until cancelled."""
        self._keeper = trio.lowlevel.current_task()
        try:
            while True:
                await self._rest()
                began = time.thread_time()
                while self._waiting or self._actions or self._room < self.share:
                    self._let_go_on()
                    await trio.lowlevel.checkpoint()
                    ended = time.thread_time()
                    self._adapt(ended - began)
                    began = ended
        finally:
            self._keeper = None
            self._release_all()

    async def _rest(self) -> None:
        """Wait until somebody comes: an idle worker has no turns."""

        def leave(_: object) -> trio.lowlevel.Abort:
            self._resting = False
            return trio.lowlevel.Abort.SUCCEEDED

        self._resting = True
        self.share = self._room = min(self.share, FIRST)
        self.events = EVENTS
        await trio.lowlevel.wait_task_rescheduled(leave)

    def _let_go_on(self) -> None:
        self._room = self.share
        for _ in range(min(self.share, len(self._actions))):
            self._actions.popleft()()
        while self._waiting and self._room > 0:
            self._room -= 1
            trio.lowlevel.reschedule(self._waiting.popleft())

    def _adapt(self, spent: float) -> None:
        """Halve the share where the last turn was too long, by whatever; one more goes on in a turn that was not.

        The steps of one who is alone are halved, and are as long as before when there is time again.
        """
        if spent > TURN:
            if self.share == 1:
                self.events = max(FEWEST, self.events // 2)
            self.share = max(1, self.share // 2)
        elif self.events < EVENTS:
            self.events += 1
        elif self._room <= 0 or self._actions:
            self.share = min(MOST, self.share + 1)

    def _release_all(self) -> None:
        while self._actions:
            self._actions.popleft()()
        while self._waiting:
            trio.lowlevel.reschedule(self._waiting.popleft())
