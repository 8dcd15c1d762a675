"""The connection as its streams know it."""

from typing import Any, Protocol

from trio_worker.http.response import Drain
from trio_worker.http.service import Service
from trio_worker.protocols.http2.session import Session
from trio_worker.transport.wire import Address, Wire


class Timed(Protocol):
    """A stream whose `expire` is called at its deadline, on Trio's clock in seconds."""

    deadline: float


class Carrier(Protocol):
    """A connection that carries streams.

    Attributes:
        service: the worker's.
        wire: the connection's bytes.
        session: the protocol's state.
        server: the address that the client has connected to.
        blocked: the streams that wait for the client to take what is in them.
    """

    service: Service
    wire: Wire
    session: Session
    server: Address | None
    blocked: set[Any]
    drain: Drain

    @property
    def ends_here(self) -> bool:
        """Return False: a response says nothing of the connection."""

    def start_drain(self) -> None:
        """Ask the client not to open new streams."""

    async def read_body(self) -> None:
        """Do nothing: bodies come by themselves."""

    def consumed(self, number: int, size: int) -> None:
        """Let the client send as many bytes more on a stream."""

    def set_deadline(self, stream: Timed, seconds: float) -> None:
        """Have the stream's `expire` called when its time is over."""

    def reset(self, number: int, is_fault: bool) -> None:
        """End a stream before its response is complete, or its request."""

    def flush(self) -> None:
        """Write what there is."""

    def flush_soon(self) -> None:
        """Write what there is, now or together with what other streams have to say."""

    def ran(self) -> None:
        """Take note that a stream's task has done its work."""
