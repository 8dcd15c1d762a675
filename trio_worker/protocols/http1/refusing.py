"""A connection on a socket that does not speak its protocol (`trio-protocols`): whatever is asked is refused."""

from trio_worker.http.service import Service
from trio_worker.protocols.http1.connection import Http1Connection
from trio_worker.refusal import Refusal
from trio_worker.transport.wire import Wire


class RefusingConnection(Http1Connection):
    """A connection that is answered in HTTP/1.1, which every client can show, and closed.

    Args:
        service: the worker's.
        wire: the connection.
        refusal: what to answer.
    """

    __slots__ = ()

    def __init__(self, service: Service, wire: Wire, refusal: Refusal) -> None:
        super().__init__(service, wire)
        self._parser.refusal = refusal
