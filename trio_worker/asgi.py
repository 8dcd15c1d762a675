"""The words of ASGI 3 that more than one module here speaks, and the one that we add.

https://asgi.readthedocs.io/en/latest/specs/main.html
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import trio

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# The key in a scope's `extensions` under which a request finds its Handle.
HANDLE = "trio_worker.handle"


class Handle:
    """A running request as the layers around the app reach it.

    Attributes:
        cancel_scope: the scope that the request runs in; None when its connection has ended.
        status: the status to answer with in the app's place if the response has not begun; 0 for none.
        body_ready: whether all of the request's body had come when the app was called.
        gone: whether the client has gone before its response was complete.
        begun: whether anything of the response has left; after that nobody can answer in the app's place.
    """

    __slots__ = ("begun", "body_ready", "cancel_scope", "gone", "status")

    def __init__(self, cancel_scope: trio.CancelScope | None = None) -> None:
        self.cancel_scope = cancel_scope
        self.status = 0
        self.begun = False
        self.gone = False
        self.body_ready = False

    def cancel(self, status: int = 0) -> None:
        """Cancel the request. The first status that is given stands."""
        self.status = self.status or status
        if self.cancel_scope is not None:
            self.cancel_scope.cancel()


class Notes:
    """What the app has asked the log to tell of its request, or to keep for itself.

    Attributes:
        logvars: uWSGI's log variables by name.
        log_this: whether the request is logged whatever the ini says.
    """

    __slots__ = ("log_this", "logvars")

    def __init__(self) -> None:
        self.logvars: dict[str, str] = {}
        self.log_this = False


class Record(Protocol):
    """What a log line can tell of a request or of a WebSocket session that has ended.

    Attributes:
        scope: its ASGI scope.
        began: when it began, in seconds of `time.perf_counter`.
        number: how many requests and sessions the worker had served with this one.
        status: of the response, 0 if there was none.
        headers: the response's, as the app gave them.
        sent: bytes of the response's body or of all messages.
        micros: how long it took, in microseconds.
        by_sendfile: whether the app has sent a file by its name or descriptor.
        notes: what the app has asked the log for, None when nothing.
    """

    scope: Scope
    began: float
    number: int
    status: int
    headers: Any
    sent: int
    micros: int
    by_sendfile: bool
    notes: Notes | None
