"""The writing side of an HTTP/2 connection: as much as the kernel takes at once, the rest by a task of the pool."""

from collections.abc import Callable

import trio

from trio_worker.http.service import Service
from trio_worker.protocols.http2.session import Error, Session
from trio_worker.transport.connections import CLOSE, Outcome, Work
from trio_worker.transport.wire import Wire

# Bytes that are taken from the session and written at a time, and so what waits for a client that does not read.
WRITE_SIZE = 65536


class Output:
    """The writing side of one connection.

    Args:
        service: the worker's.
        wire: where the bytes go.
        session: where they come from.
        written: called with their number whenever some have been written.

    Attributes:
        held: whether what streams have to say is gathered, and written together.
        written: how many bytes the kernel has taken.
    """

    __slots__ = ("_done", "_service", "_session", "_unsent", "_wire", "_written", "held", "written")

    def __init__(self, service: Service, wire: Wire, session: Session, written: Callable[[int], None]) -> None:
        self._service = service
        self._wire = wire
        self._session = session
        self._written = written
        self.held = False
        self.written = 0
        # The bytes that the kernel has not taken, and the event that ends the wait for it.
        self._unsent = b""
        self._done: trio.Event | None = None

    @property
    def is_empty(self) -> bool:
        """True if all has been written that can be."""
        return not self._unsent and self._done is None

    def flush_soon(self) -> None:
        """Write what there is, now or together with what the other streams of this read have to say."""
        if not self.held:
            self.flush()

    def flush(self, size: int = 0) -> None:
        """Write what there is, as far as the kernel takes it; a task goes on where it does not.

        Args:
            size: bytes that have been written already, and that nobody has been told of.
        """
        try:
            while self.is_empty and (data := self._session.output(WRITE_SIZE)):
                size += len(data)
                sent = self._wire.try_send(data)
                self.written += sent
                self._unsent = data[sent:]
        except (Error, OSError):
            self._wire.abort()
        if self._unsent and self._done is None:
            self._done = trio.Event()
            self._service.tasks.start(Writer(self))
        self._written(size)

    async def write(self) -> None:
        """Write what the kernel did not take at once, and what has come behind it."""
        size = 0
        try:
            while self._unsent:
                data, self._unsent = self._unsent, b""
                await self._wire.send(data)
                size += len(data)
                self.written += len(data)
                self._unsent = self._session.output(WRITE_SIZE)
        except (Error, OSError):
            self._wire.abort()
        finally:
            if self._done is not None:
                self._done.set()
            self._done = None
        self.flush(size)

    def release(self) -> None:
        """Let go of the connection, which is closed; a task that still writes finds that out."""
        self._written = _ignore

    async def wait_written(self) -> None:
        """Wait until no task writes any more."""
        if self._done is not None:
            await self._done.wait()


def _ignore(size: int) -> None:
    """Do nothing for what is written at the end."""


class Writer(Work):
    """The writing of what the kernel did not take at once.

    Args:
        output: whose bytes they are.
    """

    __slots__ = ("_output",)

    def __init__(self, output: Output) -> None:
        self._output = output

    async def serve(self) -> Outcome:
        """Write it."""
        await self._output.write()
        return CLOSE
