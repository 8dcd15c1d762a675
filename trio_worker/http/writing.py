"""How the bytes of one response get to its client: at once as far as they can, else in turn and with a wait.

Several tasks of an app may send pieces of one response. None of them waits as long as the client reads; where one does,
the others queue behind it, so that every piece arrives whole and in the order in which they came.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from trio_worker.asgi import Handle, Message
from trio_worker.http.response_head import HeadWriter
from trio_worker.master.metrics import Counters
from trio_worker.transport.wire import Wire

# Up to this size the parts of a write are joined into one buffer; above it the kernel gathers them.
JOIN_LIMIT = 16384

Bytes = bytes | memoryview


class Channel(Protocol):
    """What a response asks of the protocol that its request came by.

    Attributes:
        wire: where the bytes go.
        handle: of the request that is answered.
        counters: of the worker.
        closing: whether the connection is to end with this response.
        may_chunk: whether the protocol knows chunks.
        heads: writes the heads.
    """

    wire: Wire
    handle: Handle
    counters: Counters
    may_chunk: bool
    heads: HeadWriter

    @property
    def closing(self) -> bool: ...


class Writing:
    """One response as bytes that are written."""

    _channel: Channel
    # Whether a task of the app is in the middle of a write, and where others wait until it is not.
    _writing = False
    _writers: trio.lowlevel.ParkingLot | None = None

    def _write_now(self, parts: Sequence[Bytes]) -> Sequence[Bytes]:
        """Write what leaves without waiting; returns what is left. Raises like `_write`."""
        size = sum(map(len, parts))
        if size <= JOIN_LIMIT:
            return self._write_one_now(b"".join(parts))
        try:
            sent = self._channel.wire.try_send_parts(parts)
        except OSError:
            self._channel.handle.gone = True
            raise
        return () if sent == size else _behind(parts, sent)

    def _write_one_now(self, data: bytes) -> Sequence[Bytes]:
        """The same for a single part."""
        try:
            sent = self._channel.wire.try_send(data)
        except OSError:
            self._channel.handle.gone = True
            raise
        return () if sent == len(data) else (memoryview(data)[sent:],)

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
        """The same within a turn."""
        wire = self._channel.wire
        try:
            if sum(map(len, parts)) <= JOIN_LIMIT:
                await wire.send(b"".join(parts))
            else:
                await wire.send_parts(*parts)
        except OSError:
            self._channel.handle.gone = True
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


def _behind(parts: Sequence[Bytes], size: int) -> Sequence[Bytes]:
    """What of these parts comes behind their first `size` bytes."""
    rest: list[Bytes] = []
    for part in parts:
        if size < len(part):
            rest.append(memoryview(part)[size:])
        size = max(0, size - len(part))
    return rest
