"""The words of ASGI 3 that more than one module here speaks, and what the log keeps of a request.

https://asgi.readthedocs.io/en/latest/specs/main.html
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# The headers of a request or a response.
Headers = list[tuple[bytes, bytes]]

# The messages that have the headers of a response.
HEADS = ("http.response.start", "websocket.accept", "websocket.http.response.start")

# The key in a scope's `extensions` under which the layers around the app find the running request.
RUNNING = "trio_worker.running"


def type_of(message: Message) -> Any:
    """Return the type of what an app sends, None for what is no message: a layer passes it on, to be refused below."""
    try:
        return message["type"]
    except (KeyError, TypeError):
        return None


def changed(message: Message, change: Callable[[list[Any]], Headers]) -> Message:
    """Return a message with its headers changed; what are no headers stay what they are, to be refused below."""
    given = message.get("headers", ())
    try:
        given = list(given)
        return {**message, "headers": change(given)}
    except (TypeError, ValueError, AttributeError, IndexError):
        return {**message, "headers": given}


class Notes:
    """Wishes of the app for the log line of its request.

    Attributes:
        logvars: uWSGI's log variables by name.
        log_this: whether the request is logged whatever the ini says.
    """

    __slots__ = ("log_this", "logvars")

    def __init__(self) -> None:
        self.logvars: dict[str, str] = {}
        self.log_this = False


class Record(Protocol):
    """A request or a WebSocket session that has ended, as log lines tell of it.

    Attributes:
        scope: its ASGI scope.
        began: when it began, in seconds of `time.perf_counter`.
        number: how many requests and sessions the worker had served with this one.
        status: of the response, 0 if there was none.
        response_headers: as the app gave them.
        sent: bytes of the response's body or of all messages.
        micros: how long it took, in microseconds.
        by_sendfile: whether the app has sent a file by its name or descriptor.
        gone: whether the client went away before it had its answer.
        notes: wishes of the app for its log line, None where it has none.
        refusal: what it was cancelled with, or answered in the app's place; None where it was not.
    """

    scope: Scope
    began: float
    number: int
    status: int
    response_headers: Any
    sent: int
    micros: int
    by_sendfile: bool
    gone: bool
    notes: Notes | None

    @property
    def refusal(self) -> object: ...
