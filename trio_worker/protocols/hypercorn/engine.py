"""A connection that Hypercorn serves by itself: its parser, its buffers, its answers and its faults.

Ours are the accepted socket, TLS's certificates, the fence around the app, and the end: the worker's drain is told to
Hypercorn by the event that ends its own workers, and what is left when the mercy is over is cancelled.
"""

import os
import socket

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

from trio_worker.http.service import Service
from trio_worker.transport.connections import CLOSE, Connection, Outcome
from trio_worker.transport.wire import Wire


class HypercornConnection(Connection):
    """A connection that Hypercorn serves.

    Args:
        service: the worker's.
        wire: the accepted socket, of which nothing has been read.
        config: Hypercorn's.
    """

    __slots__ = ("_config", "_context", "_service")

    def __init__(self, service: Service, wire: Wire, config: Config) -> None:
        super().__init__(wire)
        self._service = service
        self._config = config
        self._context = WorkerContext(None)

    async def serve(self) -> Outcome:
        """Serve it to its end, in the way of Hypercorn's own workers."""
        service = self._service
        server = TCPServer(
            ASGIWrapper(service.application),  # type: ignore[arg-type]
            self._config,
            self._context,
            service.state.copy(),
            self._open(),
        )
        async with trio.open_nursery() as nursery:
            self.cancel_scope = nursery.cancel_scope
            nursery.start_soon(self._drain)
            await server.run()
            nursery.cancel_scope.cancel()
        return CLOSE

    def _open(self) -> trio.SSLStream[trio.SocketStream]:
        """Return Trio's stream on the socket, which Hypercorn closes: it gets a descriptor of its own."""
        plain = trio.SocketStream(trio.socket.from_stdlib_socket(socket.socket(fileno=os.dup(self.wire.fileno()))))
        certificates = self._service.tls.find(self.wire.server)
        if certificates is None:
            return plain  # type: ignore[return-value]
        return trio.SSLStream(plain, certificates.context, server_side=True, https_compatible=True)

    async def _drain(self) -> None:
        await self._service.draining.wait()
        await self._context.terminated.set()

    def end_linger(self) -> None:
        """Do nothing: Hypercorn ends what is idle when it is told of the drain."""
