"""One sweeper for the deadlines of all connections.

A deadline is an attribute of a wire; this task looks at all of them every half second. A cancel scope for each read
would be more exact and would cost every request; nobody notices half a second on a time-out of many.
"""

import trio

from trio_worker.transport.connections import Connections

# Deadlines that are acted upon between two turns of the others: thousands may pass at the same time.
AT_ONCE = 16

# Seconds between two looks, and so how late a deadline may be noticed; and between two by which the worker was held up.
SWEEP_INTERVAL, HELD_UP = 0.5, 1.0


class Clock:
    """Trio's time at the last look, for deadlines that need not be exact: it costs nothing to read.

    Attributes:
        now: in seconds, at most SWEEP_INTERVAL old while `sweep` runs.
    """

    def __init__(self) -> None:
        self.now = trio.current_time()

    async def sweep(self, connections: Connections) -> None:
        """Call `expire()` on every connection whose deadline has passed, until cancelled.

        Where the worker was held up, by an app or by a busy machine, what its clients have done in time is still to be
        read: the next look finds out who is late.
        """
        was_held_up = False
        while True:
            await trio.sleep(SWEEP_INTERVAL)
            before, self.now = self.now, trio.current_time()
            was_held_up = not was_held_up and self.now - before > HELD_UP
            if was_held_up:
                continue
            for number, connection in enumerate(connections.expired(self.now), 1):
                # Meanwhile it may have gone on, or have ended.
                if connection.is_late(self.now):
                    connection.expire()
                if not number % AT_ONCE:
                    await trio.lowlevel.checkpoint()
