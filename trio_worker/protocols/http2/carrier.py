"""The connection as its streams know it."""

from typing import Any, NoReturn, Protocol

from trio_worker.http.response import Drain
from trio_worker.http.service import Service
from trio_worker.protocols.http2.flood import Account
from trio_worker.protocols.http2.lost import Lost
from trio_worker.protocols.http2.session import Session
from trio_worker.protocols.websocket.holding import Holding
from trio_worker.protocols.websocket.inflating import Excess
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
        streams: that are open, by their numbers.
        blocked: those that wait for the client to take what is in them.
        lost: those whose clients have gone, and whose apps have not ended.
        running: how many tasks run for them.
        fresh: how many of them no task has begun with.
        ending: whether no stream is taken any more.
        owed: what the events acted upon since the last turn have cost beyond one each, in events.
        account: of the frames that bring nothing.
        excess: the account of what the compressed messages of its WebSockets become, None without any.
        holding: the account of what they keep of messages, None without any.
    """

    service: Service
    wire: Wire
    session: Session
    server: Address | None
    streams: dict[int, Any]
    blocked: set[Any]
    lost: Lost
    running: int
    fresh: int
    ending: bool
    owed: int
    account: Account
    excess: Excess | None
    holding: Holding | None
    drain: Drain

    @property
    def ends_here(self) -> bool:
        """Return False: a response says nothing of the connection."""

    @property
    def bodies_written(self) -> int:
        """The number of bytes of bodies that have left."""

    def start_drain(self) -> None:
        """Ask the client not to open new streams."""

    async def read_body(self) -> None:
        """Do nothing: bodies come by themselves."""

    def consumed(self, number: int, size: int) -> None:
        """Let the client send as many bytes more on a stream."""

    def set_deadline(self, stream: Timed, seconds: float) -> None:
        """Have the stream's `expire` called when its time is over."""

    def set_idle_deadline(self) -> None:
        """Give the connection its time without a stream."""

    def fail(self, why: str, code: int = ...) -> NoReturn:
        """End the connection of a client that costs more than it pays."""

    def reset(self, number: int, is_fault: bool) -> None:
        """End a stream before its response is complete, or its request."""

    def part(self, number: int, is_fault: bool) -> None:
        """End a stream when what it has said has left."""

    def end_reading(self) -> None:
        """Read nothing any more, once nothing is open."""

    def flush(self) -> None:
        """Write what there is."""

    def flush_soon(self) -> None:
        """Write what there is, now or together with what other streams have to say."""

    def has_run(self, stream: Any) -> None:
        """Take note that the task of a stream has done its work; None for one that is a tunnel."""
