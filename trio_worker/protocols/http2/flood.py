"""The account of frames that bring nothing: pings, settings, priorities, empty pieces (RFC 9113 section 10.5)."""

# Bytes of such frames at once, and then in a second. What has been sent gives more, because a client acknowledges it.
OVERHEAD, OVERHEAD_RATE, OVERHEAD_SENT = 262144, 16384, 64

# Streams that a client may reset, or may make us reset, at once and then in a second (CVE-2023-44487).
RESETS, RESETS_PER_SECOND = 200, 20

# Bytes of the head of a frame.
FRAME_HEAD = 9

# The credit of one request, in frames.
REQUEST_WORTH = 1024


class Account:
    """The bytes that a client may still send that bring nothing.

    Args:
        now: Trio's time in seconds.
    """

    __slots__ = ("_left", "_resets", "_since")

    def __init__(self, now: float) -> None:
        self._left = float(OVERHEAD)
        self._resets = float(RESETS)
        self._since = now

    def reset(self) -> bool:
        """Count a stream that ends by what the client does; return False when there were too many."""
        self._resets -= 1
        return self._resets >= 0

    def spend(self, size: int, now: float) -> bool:
        """Take so many bytes from it; return False when that is more than there was, or too many streams were reset.

        A frame that came in parts is paid first, and what it brings is given back with its last part.
        """
        self._left = min(OVERHEAD, self._left + (now - self._since) * OVERHEAD_RATE - size)
        self._resets = min(RESETS, self._resets + (now - self._since) * RESETS_PER_SECOND)
        self._since = now
        return self._left >= 0 and self._resets >= 0

    def bring(self, size: int) -> None:
        """Give back the head of a frame that brings so many bytes of a session: small messages are what it is for."""
        self._left = min(OVERHEAD, self._left + min(size, FRAME_HEAD))

    def earn(self, sent: int) -> None:
        """Add what has been sent to the client."""
        self._left = min(OVERHEAD, self._left + sent / OVERHEAD_SENT)
