"""A subscription: what was published and not read yet, in a queue with an end."""

from collections import deque
from typing import Self

import trio

from trio_worker.messages.frame import Data

# Messages that wait for a subscription that does not read.
BUFFER = 256


class MessagesLost(Exception):
    """A subscription has lost messages, because it did not read in time or its worker did not.

    It is raised once, in the place of what is missing, and the next read goes on with what is there. Who cannot go on
    without them asks for the whole state anew.

    Attributes:
        count: how many; those of other topics among them, where the worker did not read.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} messages were not read in time")
        self.count = count


class Subscription:
    """The messages of one topic, oldest first.

    Args:
        buffer: messages that wait at most.
    """

    def __init__(self, buffer: int = BUFFER) -> None:
        self._messages: deque[Data] = deque(maxlen=buffer)
        self._lost = 0
        self._readers = trio.lowlevel.ParkingLot()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Data:
        return await self.receive()

    async def receive(self) -> Data:
        """Wait for the next message.

        Raises:
            MessagesLost: some that stood before it are gone.
        """
        await trio.lowlevel.checkpoint()
        while not (self._messages or self._lost):
            await self._readers.park()
        if self._lost:
            lost, self._lost = self._lost, 0
            raise MessagesLost(lost)
        return self._messages.popleft()

    def put(self, message: Data) -> None:
        """Take a message; the oldest one goes where there is no room."""
        self._lost += len(self._messages) == self._messages.maxlen
        self._messages.append(message)
        self._readers.unpark()

    def lose(self, count: int) -> None:
        """Have the reader know that messages were lost on their way."""
        self._lost += count
        self._readers.unpark()
