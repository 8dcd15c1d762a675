"""A task that serves one connection after another, and the fence around whatever they do.

    take the next connection -> serve it -> (step outside of the cancel scope -> serve it again, or) close it -> ...

A cancel scope costs as much as a short request. One that has not been cancelled is as good as new, so it serves the
task's next connection as well; a task is in it while it waits, too.
"""

import logging
from collections.abc import Awaitable, Callable

import trio

from trio_worker.http.service import Service
from trio_worker.serving.entrance import begin
from trio_worker.transport.connections import Connection
from trio_worker.transport.wire import Wire

log = logging.getLogger(__name__)

# What reading or writing raises when the client goes away.
_CLIENT_WENT = (OSError, trio.BrokenResourceError)

# Waits for the next connection; None when this task is not needed any more.
Next = Callable[[], Awaitable[Wire | None]]


async def attend(service: Service, wire: Wire, following: Next) -> None:
    """Serve connections, beginning with this one. Whatever they do, only that connection ends.

    Args:
        service: the worker's.
        wire: the first connection.
        following: gives the others.
    """
    attendant = Attendant(service, following)
    attendant.take(wire)
    await attendant.run()


class Attendant:
    """The task's side of it.

    Args:
        service: the worker's.
        following: see `attend`.
    """

    __slots__ = ("_connection", "_descriptor", "_following", "_is_needed", "_service", "_wire")

    def __init__(self, service: Service, following: Next) -> None:
        self._service = service
        self._following = following
        self._is_needed = True
        self._wire: Wire | None = None
        self._descriptor = -1
        self._connection: Connection | None = None

    def take(self, wire: Wire) -> None:
        """Take up a connection that was accepted."""
        self._wire, self._descriptor = wire, wire.fileno()
        self._service.counters.connections += 1
        self._service.disconnects.watch(self._descriptor)

    async def run(self) -> None:
        """Serve as long as this task is needed."""
        try:
            while self._is_needed:
                with trio.CancelScope() as scope:
                    while await self._serve(scope) and await self._take_next():
                        pass
                await self._step_outside()
        finally:
            self._close()

    async def _take_next(self) -> bool:
        # In a scope that the last connection has left cancelled this wait ends at once, and the scope with it.
        wire = await self._following()
        if wire is None:
            self._is_needed = False
        else:
            self.take(wire)
        return self._is_needed

    async def _serve(self, scope: trio.CancelScope) -> bool:
        """Serve the connection in this scope; False when it has to leave the scope for what is left to do."""
        wire = self._wire
        if wire is None:
            return True
        try:
            following: Connection | None = self._connection or begin(self._service, wire)
            while (connection := following) is not None:
                self._enter(connection, scope)
                following = await connection.serve()
                if following is None and not connection.is_over:
                    return False
        except (Exception, BaseExceptionGroup) as error:
            _report(error, wire)
        self._close()
        return True

    def _enter(self, connection: Connection, scope: trio.CancelScope) -> None:
        self._connection, self._wire = connection, connection.wire
        connection.enter(scope)
        self._service.connections.add(self._descriptor, connection)

    async def _step_outside(self) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            if await connection.step_outside():
                return
        except (Exception, BaseExceptionGroup) as error:
            _report(error, connection.wire)
        self._close()

    def _close(self) -> None:
        wire = self._wire
        if wire is not None:
            self._service.disconnects.forget(self._descriptor)
            self._service.connections.discard(self._descriptor)
            wire.close()
        if self._connection is not None:
            self._connection.leave()
        self._wire = self._connection = None


def _report(error: BaseException, wire: Wire) -> None:
    """Log what a connection raised, once; let a cancellation and what is no Exception go on."""
    faults: BaseException | None = error
    rest: BaseException | None = None
    if isinstance(error, BaseExceptionGroup):
        _, others = error.split(_CLIENT_WENT)
        faults, rest = (None, None) if others is None else others.split(lambda each: isinstance(each, Exception))
    if faults is not None and not isinstance(faults, _CLIENT_WENT):
        log.error("a connection from %s ended by an error", wire.client, exc_info=faults)
    if rest is not None:
        raise rest
