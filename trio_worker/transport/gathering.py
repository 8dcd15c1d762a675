"""A plain wire on which what an app sends in pieces leaves together.

An app that streams sends piece after piece. A system call for each is not the worst of it: the client is woken for
each as well. So pieces that others will follow are kept here, by reference, until the next write or until the app's
step is over, and leave in one system call then. Nothing is kept for longer than a turn of the loop, unless the client
does not read.
"""

import socket
from collections.abc import Sequence
from math import inf

import trio

from trio_worker.transport.socket_wire import SocketWire
from trio_worker.transport.wire import Address, Bytes, behind

# The most that is kept of one connection: bytes, and pieces of three parts (one system call takes 1,024 parts).
GATHERED_BYTES, GATHERED_PIECES = 1 << 18, 256

# Bytes of a write that waits for those of others, at most.
SHORT = 16384

# Pieces that leave at once after one that no other followed in its step: such an app would only pay for the wait.
AT_ONCE = 8


class GatheringWire(SocketWire):
    """A wire over a plain socket; see SocketWire for its arguments."""

    __slots__ = ("_at_once", "_kept", "_pieces", "_size")

    def __init__(
        self, sock: socket.SocketType, client: object, write_timeout: float, server: Address | None = None
    ) -> None:
        super().__init__(sock, client, write_timeout, server)
        # The parts that are kept, of how many pieces, and their bytes; and how many pieces are to leave at once.
        self._kept: list[Bytes] | None = None
        self._pieces = self._size = self._at_once = 0

    def gather(self, *parts: Bytes) -> bool:
        """Keep a piece that others will follow; return False where it is to be sent now."""
        size = self._size + sum(map(len, parts))
        if size > GATHERED_BYTES or self._pieces == GATHERED_PIECES or self.stalled:
            return False
        if self._kept is None:
            if self._at_once:
                self._at_once -= 1
                return False
            if not self.watched or self.watcher is None:
                return False
            self.watcher.flush_soon(self)
            self._kept = []
        self._kept += parts
        self._pieces += 1
        self._size = size
        return True

    def flush(self) -> bool:
        """Write what is kept; return False where the client has to read before the rest can leave."""
        if self._kept is None:
            return True
        if self._pieces == 1 and not self.stalled:
            self._at_once = AT_ONCE
        try:
            self.try_send_parts(())
        except OSError:
            self.stalled, self.stall_deadline = False, inf  # Whoever writes next hears of it.
        if self._kept is None:
            return True
        self.stalled, self.stall_deadline = True, trio.current_time() + self._write_timeout
        return False

    def try_send(self, data: Bytes) -> int:
        """Write what leaves without waiting, behind what is kept; see SocketWire.

        What is short leaves with what others write in this turn, and counts as written.
        """
        if self._kept is not None:
            return self.try_send_parts((data,))
        if self.watched and (watcher := self.watcher) is not None and watcher.due and len(data) <= SHORT:
            self._kept, self._size = [data], len(data)
            watcher.flush_together(self)
            return len(data)
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def try_send_parts(self, parts: Sequence[Bytes]) -> int:
        """Do what `try_send` does, with all parts in one system call and without joining them first."""
        kept, size = self._kept, self._size
        if kept is None:
            return super().try_send_parts(parts)
        self._kept, self._size = None, 0  # Of a client that has gone nothing is kept.
        try:
            sent = self._socket.sendmsg((*kept, *parts)) if parts or len(kept) > 1 else self._socket.send(kept[0])
        except BlockingIOError:
            sent = 0
        if sent < size:
            self._kept, self._size = behind(kept, sent), size - sent
            return 0
        self._pieces = 0
        if self.stalled:  # Whoever has written it, the wait of `flush` for the client is over.
            self.stalled, self.stall_deadline = False, inf
        return sent - size

    async def settle(self) -> None:
        """Write all that is kept; waits and raises like `send`."""
        try:
            while self._kept is not None:
                self.try_send_parts(())
                if self._kept is not None:
                    await self._writable()
        except trio.Cancelled:
            self.abort()
            raise

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Write `count` bytes of an open file behind what is kept; see SocketWire."""
        await self.settle()
        await super().send_file(descriptor, offset, count)

    def _shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self.flush()
        super()._shutdown(how)

    def close(self) -> None:
        """Close the descriptor; what is kept leaves as far as it can leave at once."""
        self.flush()
        super().close()
