"""The frames of a session on their way to the client: whole, and in turn.

Several tasks of an app may send, and control frames are answered by whoever reads.
"""

from collections.abc import Callable

import trio

from trio_worker.transport.wire import Wire


class Outlet:
    """The writing side of one session.

    Args:
        wire: where the frames go.

    Attributes:
        busy: whether a task is in the middle of a write, or the next one has its turn.
        unsent: the bytes of control frames that did not leave at once.
    """

    __slots__ = ("_waiting", "_wire", "busy", "unsent")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.busy = False
        self.unsent = b""
        # Made when a task has to wait for another one.
        self._waiting: trio.lowlevel.ParkingLot | None = None

    def answer(self, data: bytes, is_last: bool) -> None:
        """Send control frames without waiting, behind those that did not leave before.

        Those of a client that does not read are dropped, but for the last one (`is_last`): so what waits is bounded by
        what one read can ask for.

        Raises:
            OSError: the client has gone.
        """
        if self.unsent and not self.busy:
            self.unsent = self.unsent[self._wire.try_send(self.unsent) :]
        if not data or (self.unsent and not is_last):
            return
        data = self.unsent + data
        if not self.busy:
            data = data[self._wire.try_send(data) :]
        self.unsent = data

    def gather(self, frame: bytes) -> bool:
        """Keep a frame that others will follow; return False where it is to be sent now."""
        return not self.busy and not self.unsent and self._wire.gather(frame)

    def write_now(self, data: bytes) -> bytes | memoryview:
        """Write what leaves of a frame without waiting, and return the rest of it, which `write` writes.

        Raises:
            OSError: the client has gone.
        """
        if self.busy or self.unsent:
            return data
        sent = self._wire.try_send(data)
        return b"" if sent == len(data) else memoryview(data)[sent:]

    async def write(self, data: bytes | memoryview) -> None:
        """Write a frame whole, behind what other tasks are writing.

        Raises:
            OSError: the client has gone.
        """
        await self.write_made(lambda: data)

    async def write_made(self, make: Callable[[], bytes | memoryview]) -> None:
        """Do what `write` does with a frame that is made when its turn has come.

        What is compressed refers to what was compressed before it. So frames leave in the order in which they are made,
        and one whose task gives up while it waits is not made.
        """
        await self._enter()
        try:
            await self._write_in_turn(make())
        finally:
            self._leave()

    async def _enter(self) -> None:
        """Wait for a turn, behind all who came before; `_leave` ends it."""
        if self.busy:
            if self._waiting is None:
                self._waiting = trio.lowlevel.ParkingLot()
            await self._waiting.park()
        self.busy = True

    def _leave(self) -> None:
        """Give the turn to the next one; it is theirs though they have not run yet."""
        self.busy = bool(self._waiting)
        if self._waiting:
            self._waiting.unpark()

    async def _write_in_turn(self, data: bytes | memoryview) -> None:
        """Write a frame whole, and the control frames that have come before or meanwhile."""
        while True:
            if self.unsent:
                data, self.unsent = self.unsent + bytes(data), b""
            if data:
                await self._wire.send(data)
            if not self.unsent:
                return
            data = b""

    async def settle(self) -> None:
        """Write all that waits here or is kept. Raises like `write`."""
        await self.write(b"")
        await self._wire.settle()
