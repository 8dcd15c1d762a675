"""A bound for what compressed messages become: deflate makes a thousand bytes of one (RFC 7692 section 8)."""

from websockets.extensions import Extension
from websockets.frames import Frame

# Bytes that a frame may become in any case, and the bytes for each of its own beyond that. What people send becomes
# five to twenty times as large; a thousand times is what somebody sends who wants to keep others waiting.
ALWAYS, TIMES = 1 << 18, 32


class Inflating(Extension):
    """An extension whose frames may not become larger than that; the session ends by 1009 otherwise.

    Args:
        extension: that inflates and deflates.
    """

    def __init__(self, extension: Extension) -> None:
        self.name = extension.name
        self.encode = extension.encode  # type: ignore[method-assign]
        self._decode = extension.decode

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Inflate a frame. Raises what the extension raises."""
        bound = max(ALWAYS, TIMES * len(frame.data))
        return self._decode(frame, max_size=bound if max_size is None else min(bound, max_size))
