"""The way of a response's bytes to its client: at once as far as they can go, else in turn and with a wait.

Several tasks of an app may send pieces of one response. None of them waits as long as the client reads; where one does,
the others queue behind it, so that every piece arrives whole and in the order in which they came.
"""

from collections.abc import Awaitable, Callable, Sequence

import trio

from trio_worker.application.running import Running
from trio_worker.asgi import Message
from trio_worker.transport.wire import Bytes, Wire, behind

# Up to this size the parts of a write are joined into one buffer; above it the kernel gathers them.
JOIN_LIMIT = 16384


class Writing(Running):
    """One response as bytes that are written.

    Attributes:
        wire: where they go.
    """

    wire: Wire
    # True while a task of the app is in the middle of a write; the others wait in the lot until it is not.
    _writing = False
    _writers: trio.lowlevel.ParkingLot | None = None

    def _write_now(self, parts: Sequence[Bytes]) -> Sequence[Bytes]:
        """Write what leaves without waiting and return what is left. Raises like `_write`."""
        size = sum(map(len, parts))
        data = b"".join(parts) if size <= JOIN_LIMIT else b""
        try:
            sent = self.wire.try_send(data) if data else self.wire.try_send_parts(parts)
        except OSError:
            self.gone = True
            raise
        return () if sent == size else behind(parts, sent)

    async def _write(self, parts: Sequence[Bytes]) -> None:
        """Write all of it.

        Raises:
            OSError: the client has gone.
        """
        self._writing = True
        try:
            await self._write_parts(parts)
        finally:
            self._end_turn()

    async def _write_parts(self, parts: Sequence[Bytes]) -> None:
        """Do the same within a turn; without parts, until all has left that the wire keeps."""
        try:
            if not parts:
                await self.wire.settle()
            elif sum(map(len, parts)) <= JOIN_LIMIT:
                await self.wire.send(b"".join(parts))
            else:
                await self.wire.send_parts(*parts)
        except OSError:
            self.gone = True
            raise

    async def _in_turn(self, send: Callable[[Message], Awaitable[None]], message: Message) -> None:
        """Send when the other tasks of the app have sent that are in the middle of a write or wait already."""
        if self._writers is None:
            self._writers = trio.lowlevel.ParkingLot()
        await self._writers.park()
        self._writing = False
        try:
            await send(message)
        finally:
            if not self._writing:  # It had not to wait.
                self._end_turn()

    def _end_turn(self) -> None:
        """Give the turn to the one who has waited for the longest; it is theirs though they have not run yet."""
        self._writing = bool(self._writers)
        if self._writers:
            self._writers.unpark()
