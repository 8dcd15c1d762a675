"""A bound for what compressed messages become: deflate makes a thousand bytes of one (RFC 7692 section 8)."""

import time

from websockets.exceptions import PayloadTooBig
from websockets.extensions import Extension
from websockets.frames import Frame

# Bytes that a frame may become in any case, and the bytes for each of its own beyond that. What people send becomes
# five to twenty times as large; a thousand times is what somebody sends who wants to keep others waiting.
ALWAYS, TIMES = 1 << 18, 32

# Bytes beyond that which the frames of a connection may become in all, at once and then in a second: each of them is
# small enough, and a line of 50 KB/s would bring a hundred of them a second, which take all of the worker's time.
EXCESS, EXCESS_RATE = 1 << 21, 1 << 19


class Excess:
    """The account of a connection, whose sessions share it where it has many."""

    __slots__ = ("_left", "_since")

    def __init__(self) -> None:
        self._left, self._since = float(EXCESS), 0.0

    def spend(self, excess: int) -> None:
        """Take from it what a frame has become too large by.

        Raises:
            PayloadTooBig: that was more than there was.
        """
        now = time.monotonic()
        self._left = min(EXCESS, self._left + (now - self._since) * EXCESS_RATE) - excess
        self._since = now
        if self._left < 0:
            raise PayloadTooBig(None, EXCESS)


class Inflating(Extension):
    """An extension whose frames may not become larger than that; the session ends by 1009 otherwise.

    Args:
        extension: that inflates and deflates.
        excess: the account of the connection.
    """

    def __init__(self, extension: Extension, excess: Excess) -> None:
        self.name = extension.name
        self.encode = extension.encode  # type: ignore[method-assign]
        self._decode = extension.decode
        self._excess = excess

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Inflate a frame. Raises what the extension raises."""
        fair = TIMES * len(frame.data)
        bound = max(ALWAYS, fair)
        inflated = self._decode(frame, max_size=bound if max_size is None else min(bound, max_size))
        if len(inflated.data) > fair:
            self._excess.spend(len(inflated.data) - fair)
        return inflated
