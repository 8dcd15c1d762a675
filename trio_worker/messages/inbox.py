"""The socket of a worker for what other workers publish."""

import errno
import logging
import os
import socket
from collections.abc import Callable

import trio

from trio_worker.messages.frame import LARGEST_FRAME, Data, decode
from trio_worker.messages.peer import address, owner

log = logging.getLogger(__name__)

# Connections that wait to be accepted; each other worker has one.
BACKLOG = 1024

# Errors of accept(2) that pass by themselves, and the seconds until the next try.
_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED}
_PAUSE = 0.1


class Inbox:
    """The socket that the other workers connect to.

    Args:
        master: the process id of the master, which all workers of an instance know.
        deliver: called with topic and data of each message.
        lose: called with the number of messages that a worker had to give up.

    Raises:
        OSError: the name is taken, by another user for one.
    """

    def __init__(self, master: int, deliver: Callable[[str, Data], object], lose: Callable[[int], object]) -> None:
        self._deliver = deliver
        self._lose = lose
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.bind(address(master, os.getpid()))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = trio.socket.from_stdlib_socket(listener)

    async def run(self) -> None:
        """Accept and read until it is cancelled."""
        with self._listener:
            async with trio.open_nursery() as nursery:
                while True:
                    connection = await self._accept()
                    if connection is not None:
                        nursery.start_soon(self._read, connection)

    async def _accept(self) -> trio.socket.SocketType | None:
        try:
            connection, _ = await self._listener.accept()
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            await trio.sleep(_PAUSE)
            return None
        pid, uid = owner(connection)
        if uid == os.geteuid():
            return connection
        log.warning("process %d of user %d may not send messages to this worker", pid, uid)
        connection.close()
        return None

    async def _read(self, connection: trio.socket.SocketType) -> None:
        last = 0
        with connection:
            try:
                while frame := await connection.recv(LARGEST_FRAME):
                    number, topic, data = decode(frame)
                    if number > last + 1:
                        self._lose(number - last - 1)
                    last = number
                    self._deliver(topic, data)
            except OSError:
                pass  # The other worker was killed.
            except ValueError as error:
                log.warning("what came from another worker is no message: %s", error)
