"""The inherited listening sockets: one task accepts on all of them.

The sockets are shared with the other workers and with the master: they are never shut down, and made non-blocking once.
A new connection wakes every worker that waits, and the fastest takes it, often the one that ran last. So whoever has
accepted steps aside for a moment, and takes more at a time the longer others queue.
"""

import logging
import os
import select
import socket
import stat
import sys
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Self

import trio

from trio_worker.transport.wire import Address, unix_path

log = logging.getLogger(__name__)

# Seconds that a worker keeps away from the sockets after it has accepted. The event loop's timer cannot do less.
STEP_ASIDE = 0.001

# Connections that are accepted in one go when the queue does not get empty, and the CPU seconds until the next one, two
# turns of the loop later, from which on that is smaller: those that were accepted do what they have come for meanwhile.
MAX_BATCH, LONG = 16, 0.006

# Connections that their clients have reset before they were accepted: so many are closed in one go besides.
GONE = 64

# Seconds to wait when the process has no descriptor or memory left for another connection.
EXHAUSTED_PAUSE = 0.1

# Seconds between two lines in the log that say so.
COMPLAINT_INTERVAL = 60.0

# Where struct tcp_info (tcp(7)) has the field that counts the queue of a listening socket.
TCP_INFO_SIZE = 104
TCPI_UNACKED = 24

# Called with the new socket, its peer's address, and our own where the listener knows it.
Accepted = Callable[[socket.SocketType, object, Address | None], None]


class Listener:
    """One inherited socket.

    Args:
        descriptor: uWSGI's, which stays open: this is a duplicate.

    Attributes:
        name: the address that every connection has on our side; None where the client chooses it.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._socket.setblocking(False)
        self._kind = self._socket.family, self._socket.type, self._socket.proto
        self.name: Address | None = None
        if self._is_unix:
            self.name = unix_path(self._socket.getsockname()), None

    @property
    def _is_unix(self) -> bool:
        return self._kind[0] == socket.AF_UNIX

    def fileno(self) -> int:
        """The descriptor."""
        return self._socket.fileno()

    def accept(self) -> tuple[socket.SocketType, object]:
        """The next connection and its peer's address. Raises as `socket.accept` does.

        The socket is of the class below Python's own: what that adds, files and enums, costs as much as the system
        call, for each connection.
        """
        descriptor, address = self._socket._accept()  # type: ignore[attr-defined]
        return socket.SocketType(*self._kind, descriptor), address

    def queue(self) -> int:
        """Count the connections that wait to be accepted; UNIX sockets do not tell."""
        if self._is_unix or self.fileno() < 0:
            return 0
        information = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        return int.from_bytes(information[TCPI_UNACKED : TCPI_UNACKED + 4], sys.byteorder)

    def describe(self, has_tls: Callable[[Address | None], bool]) -> str:
        """Return the URL that a browser opens; a UNIX socket has none."""
        if self.name is not None:
            return f"unix:{self.name[0]}"
        name, port = self._socket.getsockname()[:2]
        host = f"[{name}]" if self._kind[0] == socket.AF_INET6 else name
        return f"{'https' if has_tls((name, port)) else 'http'}://{host}:{port}/"

    def close(self) -> None:
        """Close the duplicate; the socket is not shut down."""
        self._socket.close()


class Listeners:
    """Accepts connections on inherited descriptors.

    Args:
        descriptors: `uwsgi.sockets`.
        accepted: called with each new connection; must not block.
        alone: whether no other worker accepts on these sockets, so that there is nobody to step aside for.
        has_room: whether another connection may be accepted now.
    """

    def __init__(
        self, descriptors: Sequence[int], accepted: Accepted, alone: bool, has_room: Callable[[], bool]
    ) -> None:
        self._listeners = {each.fileno(): each for each in map(Listener, filter(is_socket, descriptors))}
        self._accepted = accepted
        self._alone = alone
        self._has_room = has_room
        self._running = trio.Event()
        self._running.set()
        self._scope = trio.CancelScope()
        self._batch, self._most = 1, MAX_BATCH
        self._exhausted = False
        self._complained = -inf

    def describe(self, has_tls: Callable[[Address | None], bool]) -> str:
        """Return the sockets in words, for the log.

        Args:
            has_tls: tells whether the socket with this address speaks TLS.
        """
        return ", ".join(each.describe(has_tls) for each in self._listeners.values()) or "no socket"

    def backlog(self) -> int:
        """Count the connections that wait in the longest queue; UNIX sockets do not tell."""
        return max((each.queue() for each in self._listeners.values()), default=0)

    def pause(self) -> None:
        """Accept nothing until `resume`; connections wait in the kernel's queue meanwhile."""
        self._running = trio.Event()
        self._scope.cancel()

    def resume(self) -> None:
        """Accept again."""
        self._running.set()

    async def run(self) -> None:
        """Accept until cancelled, with pauses."""
        while True:
            await self._running.wait()
            with trio.CancelScope() as self._scope:
                if self._running.is_set():  # It may have been paused again in between.
                    await self._accept_loop()

    async def _accept_loop(self) -> None:
        with select.epoll() as queue:
            self._join(queue)
            began = time.thread_time()
            while True:
                await trio.lowlevel.wait_readable(queue.fileno())
                self._adapt(time.thread_time() - began)
                began = time.thread_time()
                accepted = sum(self._accept(self._listeners[fd]) for fd, _ in queue.poll(0))
                if self._exhausted or not self._has_room():
                    self._leave(queue)
                    await self._wait_for_room()
                    self._join(queue)
                elif accepted and not self._alone:
                    self._leave(queue)
                    await trio.sleep(STEP_ASIDE)
                    self._join(queue)
                else:
                    await trio.lowlevel.checkpoint()

    def _adapt(self, spent: float) -> None:
        """Take half as many where the last ones have cost so many CPU seconds, and one more where they have not."""
        self._most = max(1, self._most // 2) if spent > LONG else min(MAX_BATCH, self._most + 1)

    def _complain(self, listener: Listener, error: OSError) -> None:
        """Say it once, and again when it has lasted."""
        now = trio.current_time()
        if now - self._complained >= COMPLAINT_INTERVAL:
            self._complained = now
            log.error("cannot accept on %s: %s", listener, error)

    def _join(self, queue: select.epoll) -> None:
        # Exclusive where somebody waits for this set itself. Trio waits for it by a set of its own, to which a new
        # connection is told in every worker (ep_poll_callback in the kernel).
        for descriptor in self._listeners:
            queue.register(descriptor, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _leave(self, queue: select.epoll) -> None:
        for descriptor in self._listeners:
            queue.unregister(descriptor)

    async def _wait_for_room(self) -> None:
        while self._exhausted or not self._has_room():
            self._exhausted = False
            await trio.sleep(EXHAUSTED_PAUSE)

    def _accept(self, listener: Listener) -> int:
        """Accept a batch; returns how many there were."""
        limit, count = self._most if self._alone else min(self._batch, self._most), 0
        for _ in range(limit + GONE):
            try:
                accepted, address = listener.accept()
            except BlockingIOError:
                self._batch = 1
                return count
            except ConnectionError:
                continue  # This client had gone again before it was accepted.
            except OSError as error:
                self._complain(listener, error)
                self._exhausted = True
                return count
            if self._most < MAX_BATCH and accepted.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                accepted.close()  # Its client has reset it, and others wait.
                continue
            self._accepted(accepted, address, listener.name)
            count += 1
            if count == limit or not self._has_room():
                break
        self._batch = min(MAX_BATCH, self._batch * 2)
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for each in self._listeners.values():
            each.close()


def is_socket(descriptor: int) -> bool:
    """Return True if one of `uwsgi.sockets` is a socket that this worker accepts on."""
    # Where map-socket gives a socket to other workers, uWSGI has put /dev/null in its place here, and -1 where an
    # address stands twice in the ini and was bound for the other one.
    return descriptor >= 0 and stat.S_ISSOCK(os.fstat(descriptor).st_mode)
