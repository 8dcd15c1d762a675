"""A connection to another worker of the instance, for what is published here.

The socket's own buffer is the queue (`net.core.wmem_default`, 212,992 bytes); the kernel keeps what is in it for the
other worker also when this one has ended.
"""

import logging
import os
import socket
import struct

import trio

from trio_worker.messages.frame import numbered

log = logging.getLogger(__name__)

# Seconds that a worker which reads nothing is waited for, once; and between two attempts to connect to one whose queue
# of connections is full, which the kernel does not tell the end of.
PATIENCE = 1.0
RETRY = 0.01

# struct ucred (unix(7)): process, user, group.
_CREDENTIALS = struct.Struct("3i")


def address(master: int, pid: int) -> str:
    """Return the name of the socket that a worker listens on.

    It is abstract, so no folder must be shared and no file is left behind. Anybody on the machine may use such a name:
    both sides ask the kernel who is there.
    """
    return f"\0trio-worker/messages/{master}/{pid}"


def owner(connection: socket.socket | trio.socket.SocketType) -> tuple[int, int]:
    """Return process and user on the other side, as they were when it connected or began to listen."""
    pid, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


async def connect(master: int, pid: int) -> "Peer | None":
    """Connect to a worker; None where it does not subscribe to anything, or where somebody else has its name."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setblocking(False)
    with trio.move_on_after(PATIENCE):
        while True:
            try:
                connection.connect(address(master, pid))
            except BlockingIOError:
                await trio.sleep(RETRY)
            except OSError:
                break
            else:
                if owner(connection) == (pid, os.geteuid()):
                    return Peer(pid, connection)
                break
    connection.close()
    return None


class Peer:
    """A worker that subscribes.

    Args:
        pid: its process.
        connection: the connected socket.

    Attributes:
        pid: see above.
    """

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._socket = connection
        self._number = 0
        self._lost = 0
        # Two tasks may not wait for one socket; and who has come first is first.
        self._turn = trio.StrictFIFOLock()

    def close(self) -> None:
        """Close the connection; who waits for it in `send` gets `trio.ClosedResourceError`."""
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    def send_now(self, frame: bytes) -> bool:
        """Send a frame if there is room for it and nobody waits already.

        Raises:
            OSError: the worker has gone.
        """
        return not self._turn.locked() and self._send(frame)

    async def send(self, frame: bytes) -> None:
        """Send a frame as soon as there is room for it, or count it as lost.

        Raises:
            OSError: the worker has gone.
            trio.ClosedResourceError: somebody else has noticed that before.
        """
        patience = 0.0 if self._lost else PATIENCE
        with trio.move_on_after(patience):
            async with self._turn:
                while not self._send(frame):
                    await trio.lowlevel.wait_writable(self._socket)
                return
        self._lose()

    def _send(self, frame: bytes) -> bool:
        try:
            self._socket.sendmsg((numbered(self._number + 1), frame))
        except BlockingIOError:
            return False
        self._number += 1
        if self._lost:
            log.warning("worker process %d reads again; it has lost %d messages", self.pid, self._lost)
            self._lost = 0
        return True

    def _lose(self) -> None:
        if not self._lost:
            log.warning("worker process %d has read no messages for %g s and loses what comes", self.pid, PATIENCE)
        self._lost += 1
        self._number += 1
