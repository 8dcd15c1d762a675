"""The account of a request's body: how much of it has come, against the limits that it has."""

import trio

from trio_worker.options import Options
from trio_worker.refusal import LATE_BODY, Refusal, chunk_too_large, too_large

# Reads of a body between two checkpoints: a client that sends as fast as the app reads never makes a read wait, and
# would otherwise keep everybody else waiting.
READS_AT_ONCE = 4

# Bytes that may come in a row without being a part of the body: trailers and chunk extensions, which nobody sees.
OVERHEAD_LIMIT = 32768


# Seconds of waiting for a client over which `trio-body-rate` is measured.
RATE_WINDOW = 10.0


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

    def wait(self) -> None:
        """Take note that the app waits for the client from now on, until `add` is called."""

    def is_due(self) -> bool:
        """Return True if it is time to let others have their turn; called before every read."""
        self._reads += 1
        return not self._reads % READS_AT_ONCE


class PacedIntake(Intake):
    """The account of a body that has to come at a least rate.

    Only the time counts in which its app waits for the client: an app that reads slowly is not the client's fault.

    Args:
        limit: see Intake.
        rate: bytes a second, over each RATE_WINDOW seconds of waiting.
    """

    __slots__ = ("_came", "_rate", "_since", "_waited")

    def __init__(self, limit: int, rate: int) -> None:
        super().__init__(limit)
        self._rate = rate
        self._since: float | None = None
        self._waited = 0.0
        self._came = 0

    def wait(self) -> None:
        """Begin to measure."""
        self._since = trio.current_time()

    def add(self, size: int, came: int, complete: bool) -> Refusal | None:
        """Count what one read has brought, and return the refusal of a body that is too large or too slow."""
        refusal = super().add(size, came, complete)
        if self._since is not None:
            self._waited += trio.current_time() - self._since
            self._since = None
            self._came += size
            if self._waited >= RATE_WINDOW:
                if self._came < self._rate * self._waited and not complete:
                    return refusal or LATE_BODY
                self._waited, self._came = 0.0, 0
        return refusal


def make_intake(options: Options) -> Intake:
    """Return the account of a new body."""
    if options.body_rate:
        return PacedIntake(options.limit_post, options.body_rate)
    return Intake(options.limit_post)
