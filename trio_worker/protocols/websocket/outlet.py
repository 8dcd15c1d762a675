"""The frames of a session on their way to the client: whole, and in turn.

Several tasks of an app may send, and control frames are answered by whoever reads.
"""

import trio

from trio_worker.transport.wire import Wire


class Outlet:
    """The writing side of one session.

    Args:
        wire: where the frames go.
    """

    __slots__ = ("_unsent", "_wire", "_written")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        # The bytes of control frames that did not leave at once, and whether a task is in the middle of a write.
        self._unsent = b""
        self._written: trio.Event | None = None

    def answer(self, data: bytes, is_last: bool) -> None:
        """Send control frames without waiting.

        Those of a client that does not read are dropped, but for the last one (`is_last`): so what waits is bounded by
        what one read can ask for.

        Raises:
            OSError: the client has gone.
        """
        if not data or (self._unsent and not is_last):
            return
        data = self._unsent + data
        if self._written is None:
            data = data[self._wire.try_send(data) :]
        self._unsent = data

    def gather(self, frame: bytes) -> bool:
        """Keep a frame that others will follow; return False where it is to be sent now."""
        return self._written is None and not self._unsent and self._wire.gather(frame)

    def write_now(self, data: bytes) -> bytes | memoryview:
        """Write what leaves of a frame without waiting, and return the rest of it, which `write` writes.

        Raises:
            OSError: the client has gone.
        """
        if self._written is not None or self._unsent:
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
        if self._unsent:
            data, self._unsent = self._unsent + bytes(data), b""
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
        if self._unsent:
            await self.write(b"")
