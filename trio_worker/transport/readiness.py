"""The kernel's word on the open connections: more has come, or the client has closed its side.

Every connection sits once in one epoll set, edge-triggered, so a wait for the next request is no system call of its
own, and a client that hangs up is noticed while nobody reads. One task waits for the set, and wakes the others.

Connections that live for one short request never get into the set: two system calls for each would be a seventh of what
a request behind `uwsgi_pass` costs. They get there with their first wait, or when they have stayed for a moment.

What those write that were told something in one turn leaves together. To write to a client wakes it, and to wake a
process may cost half of a short request; one that has been woken for another answer is awake.
"""

import contextlib
import select
from time import perf_counter

import trio

from trio_worker.transport.connections import Connections
from trio_worker.transport.wire import Wire

# Seconds until a new connection is in the set, at most: how late it may be noticed that its client has gone.
PATIENCE = 0.05

# Connections that are told something in one turn of the loop: as many requests may be what comes of that.
AT_ONCE = 64

# Writes that leave together, at most; and seconds after which the first of them waits no longer for other apps.
TOGETHER, PAUSE = 16, 0.001

# After EPOLLRDHUP the client reads on, perhaps; after the other two neither side says anything more.
_BROKEN = select.EPOLLHUP | select.EPOLLERR
_ENDED = _BROKEN | select.EPOLLRDHUP

_WATCHED = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET


class Readiness:
    """The epoll set of this worker's connections.

    Args:
        connections: where a descriptor is looked up.
        half_close: whether a client that has closed its side may wait for an answer (RFC 9112 section 9.6); without
            that it is taken for gone, which is what nearly every client means.

    Attributes:
        due: how many of those that were told something in this turn have not written yet, where these are several.
    """

    def __init__(self, connections: Connections, half_close: bool = False) -> None:
        self._connections = connections
        self._gone = _BROKEN if half_close else _ENDED
        self._epoll = select.epoll()
        # Descriptors that are not in the set yet, and whether there are any.
        self._fresh: set[int] = set()
        self._arrived = trio.Event()
        # Wires with something to write, and the task that does it while it waits for one.
        self._unwritten: list[Wire] = []
        self._flusher: trio.lowlevel.Task | None = None
        self.due = 0
        # When the first of them began to wait.
        self._since = 0.0

    def watch(self, descriptor: int) -> None:
        """Watch an open descriptor from soon on."""
        self._fresh.add(descriptor)
        self._arrived.set()

    def forget(self, descriptor: int) -> None:
        """Stop watching, before the descriptor is closed: a copy in a forked process would keep it in the set."""
        if descriptor in self._fresh:
            self._fresh.remove(descriptor)
        elif not self._epoll.closed:
            self._epoll.unregister(descriptor)

    async def run(self) -> None:
        """Tell each connection what comes, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._take_in)
                nursery.start_soon(self._tell)
                nursery.start_soon(self._flush)
        finally:
            self.due = 0  # Nobody flushes any more, but a close.
            self._epoll.close()

    async def _take_in(self) -> None:
        while True:
            await self._arrived.wait()
            await trio.sleep(PATIENCE)
            for descriptor in tuple(self._fresh):
                self.watch_now(descriptor)
            if not self._fresh:
                self._arrived = trio.Event()

    def watch_now(self, descriptor: int) -> None:
        """Watch an open descriptor from now on; what is so already, bytes or a client that has gone, is told at once.

        As many are watched as the kernel allows; it is tried again with the others.
        """
        with contextlib.suppress(OSError):
            self._register(descriptor)

    def _register(self, descriptor: int) -> None:
        self._epoll.register(descriptor, _WATCHED)
        self._fresh.remove(descriptor)
        if (connection := self._connections.get(descriptor)) is not None:
            connection.wire.watched = True

    async def _tell(self) -> None:
        epoll, find, gone = self._epoll, self._connections.finder(), self._gone
        while True:
            await trio.lowlevel.wait_readable(epoll.fileno())
            told = epoll.poll(0, AT_ONCE)
            self.due = len(told) if len(told) > 1 else 0
            for descriptor, events in told:
                connection = find(descriptor)
                if connection is None:
                    continue
                if events & select.EPOLLOUT:
                    self._flush_on(connection.wire)
                if events & gone:
                    connection.hang_up()
                if events & select.EPOLLERR:
                    connection.lose()
                connection.wake(bool(events & _ENDED))

    def flush_soon(self, wire: Wire) -> None:
        """Have the wire write what it keeps when the step that runs is over, and whenever its client has read."""
        self._unwritten.append(wire)
        if self._flusher is not None:
            trio.lowlevel.reschedule(self._flusher)
            self._flusher = None

    def flush_together(self, wire: Wire) -> None:
        """Have the wire write what it keeps with what others write in this turn; an app that takes long ends that."""
        now = perf_counter()
        if not self._unwritten:
            self._since = now
            self.flush_soon(wire)
        else:
            self._unwritten.append(wire)
        self.due -= 1
        if now - self._since > PAUSE:
            self.due = 0
        if not self.due or len(self._unwritten) >= TOGETHER:
            self._flush_all()

    async def _flush(self) -> None:
        def leave(_: object) -> trio.lowlevel.Abort:
            self._flusher = None
            return trio.lowlevel.Abort.SUCCEEDED

        while True:
            self._flusher = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(leave)
            self.due = 0
            self._flush_all()

    def _flush_all(self) -> None:
        wires, self._unwritten = self._unwritten, []
        for wire in wires:
            if not wire.flush():
                self._epoll.modify(wire.fileno(), _WATCHED | select.EPOLLOUT)

    def _flush_on(self, wire: Wire) -> None:
        """Go on where the client had not read; what has come meanwhile is told once more."""
        if wire.flush():
            self._epoll.modify(wire.fileno(), _WATCHED)
