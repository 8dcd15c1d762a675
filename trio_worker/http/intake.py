"""The account of a request's body: how much of it has come, against the limits that it has."""

import trio

from trio_worker.refusal import Refusal, chunk_too_large, too_large

# Reads of a body between two checkpoints: a client that sends as fast as the app reads never makes a read wait, and
# would otherwise keep everybody else waiting.
READS_AT_ONCE = 16

# Bytes that may come in a row without being a part of the body: trailers and chunk extensions, which nobody sees.
OVERHEAD_LIMIT = 32768


class Chunk:
    """The chunk of a body that is coming in, held against uWSGI's `chunked-input-limit`.

    Args:
        limit: bytes that a chunk may have, 0 for any number.
    """

    __slots__ = ("_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0

    def begin(self) -> None:
        """Take note that a chunk begins."""
        self._size = 0

    def add(self, size: int) -> Refusal | None:
        """Count what has come of it, and return the refusal of one that is too large."""
        self._size += size
        if self._size > self._limit:
            return chunk_too_large(self._limit)
        return None


class Intake:
    """The account of one body.

    Args:
        limit: uWSGI's `limit-post` in bytes, 0 for none.

    Attributes:
        size: bytes of the body so far.
    """

    __slots__ = ("_limit", "_overhead", "_reads", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._overhead = self._reads = 0
        self.size = 0

    def add(self, size: int, came: int, complete: bool) -> Refusal | None:
        """Count what one read has brought, and return the refusal of what is too large.

        Args:
            size: bytes of the body in it.
            came: bytes of the read.
            complete: whether the body is.
        """
        self.size += size
        self._overhead = 0 if size else self._overhead + came
        if self._limit and self.size > self._limit:
            return too_large(self._limit)
        if self._overhead > OVERHEAD_LIMIT and not complete:
            return Refusal(431, f"Trailers may have {OVERHEAD_LIMIT} bytes.", "limit")
        return None

    async def pause(self) -> None:
        """Let others have their turn now and then; called before every read."""
        self._reads += 1
        if not self._reads % READS_AT_ONCE:
            await trio.lowlevel.checkpoint()
