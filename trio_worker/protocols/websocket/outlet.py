"""The frames of a session on their way to the client: whole, and in turn.

Several tasks of an app may send, and control frames are answered by whoever reads.
"""

import trio

from trio_worker.transport.wire import Wire


class Outlet:
    """The writing side of one session.

    Args:
        wire: where the frames go.

    Attributes:
        unsent: the bytes of control frames that did not leave at once.
    """

    __slots__ = ("_wire", "_written", "unsent")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.unsent = b""
        # Set when the task that is in the middle of a write has come to its end.
        self._written: trio.Event | None = None

    def answer(self, data: bytes, is_last: bool) -> None:
        """Send control frames without waiting, behind those that did not leave before.

        Those of a client that does not read are dropped, but for the last one (`is_last`): so what waits is bounded by
        what one read can ask for.

        Raises:
            OSError: the client has gone.
        """
        if self._written is None and self.unsent:
            self.unsent = self.unsent[self._wire.try_send(self.unsent) :]
        if not data or (self.unsent and not is_last):
            return
        data = self.unsent + data
        if self._written is None:
            data = data[self._wire.try_send(data) :]
        self.unsent = data

    def gather(self, frame: bytes) -> bool:
        """Keep a frame that others will follow; return False where it is to be sent now."""
        return self._written is None and not self.unsent and self._wire.gather(frame)

    def write_now(self, data: bytes) -> bytes | memoryview:
        """Write what leaves of a frame without waiting, and return the rest of it, which `write` writes.

        Raises:
            OSError: the client has gone.
        """
        if self._written is not None or self.unsent:
            return data
        sent = self._wire.try_send(data)
        return b"" if sent == len(data) else memoryview(data)[sent:]

    async def write(self, data: bytes | memoryview) -> None:
        """Write a frame whole, behind what other tasks are writing.

        Raises:
            OSError: the client has gone.
        """
        while self._written is not None:
            await self._written.wait()
        if self.unsent:
            data, self.unsent = self.unsent + bytes(data), b""
        sent = self._wire.try_send(data)
        if sent < len(data):
            await self._write_rest(memoryview(data)[sent:])

    async def _write_rest(self, rest: memoryview) -> None:
        self._written = written = trio.Event()
        try:
            await self._wire.send(rest)
        finally:
            self._written = None
            written.set()
        if self.unsent:
            await self.write(b"")
