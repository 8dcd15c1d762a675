"""One greedy client: `python -m benchmarks.pipeliner PORT` fills its connection with requests until SIGTERM.

It then prints how many answers it has read. Where the server closes the connection (Hypercorn does so after
1,000 requests) it opens the next one at once.
"""

import contextlib
import select
import signal
import socket
import sys
from types import FrameType

from .clients import REQUEST

BATCH = REQUEST * 500


class _Ended(BaseException):
    """SIGTERM came."""


def _end(number: int, frame: FrameType | None) -> None:
    raise _Ended


class Flood:
    """The connection after connection of one greedy client, and its count of answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answers = 0

    def run(self) -> None:
        """Until SIGTERM."""
        with contextlib.suppress(_Ended):
            while True:
                with contextlib.suppress(ConnectionError), self._connect() as connection:
                    self._fill(connection)

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port))

    def _fill(self, connection: socket.socket) -> None:
        """Write whenever the socket takes more, read whatever comes, until the server closes it."""
        connection.setblocking(False)
        unsent = BATCH
        while True:
            readable, writable, _ = select.select([connection], [connection], [])
            if readable and not self._read(connection):
                return
            if writable:
                unsent = unsent[connection.send(unsent) :] or BATCH

    def _read(self, connection: socket.socket) -> int:
        data = connection.recv(1 << 18)
        self.answers += data.count(b"HTTP/1.1 200")  # one that two reads cut in two is not missed much
        return len(data)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    flood = Flood(int(sys.argv[1]))
    flood.run()
    print(flood.answers)
