"""An id for every request (`trio-request-id`), by which its lines in the logs of several programs are found.

What a client or a front sends in the header is passed on if it is a plain word, and made here if not. The app finds the
id in that header and as `scope["state"]["request_id"]`, the log as `%(request_id)`, the client in its response.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from secrets import token_hex

from trio_worker.application.current import CURRENT, set_logvar
from trio_worker.application.running import Running
from trio_worker.asgi import HEADS, App, Headers, Message, Receive, Scope, Send, changed, type_of
from trio_worker.options import Options

# Nothing that a log, a shell or a page would take for more than a word; a client may choose it.
_WORD = re.compile(rb"[A-Za-z0-9_.~:+/=@-]{1,128}")


def layer(app: App, options: Options) -> App:
    """The app with the layer above it, or without one where the ini names no header."""
    return RequestIds(app, options.request_id) if options.request_id else app


# Returns the headers of an answer to a request with these headers that no app sees: its id, if it is to have one.
Marker = Callable[[Headers], Headers]


def marker(header: str) -> Marker:
    """Return what gives requests that no app sees their ids.

    Args:
        header: that has them, "" where requests have none.
    """
    name = header.lower().encode()
    return (lambda headers: [(name, _choose(name, headers))]) if header else (lambda headers: [])


def _choose(name: bytes, headers: Headers) -> bytes:
    """Return the id that a client has sent, or a new one."""
    given = [value for each, value in headers if each == name]
    # Of several nobody knows which one is meant.
    return given[0] if len(given) == 1 and _WORD.fullmatch(given[0]) else token_hex(16).encode()


class RequestIds:
    """The ASGI layer that gives every request and WebSocket session its id.

    Args:
        app: the layer below.
        header: the name of the header.
    """

    def __init__(self, app: App, header: str) -> None:
        self._app = app
        self._name = header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app for one request or session."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        field = self._name, self._identify(scope)
        record = CURRENT.get()
        if isinstance(record, Running):
            record.marks = (field,)
        set_logvar("request_id", field[1])

        def mark(message: Message) -> Awaitable[None]:
            if type_of(message) in HEADS:
                message = changed(message, lambda given: _with(field, given))
            return send(message)

        await self._app(scope, receive, mark)

    def _identify(self, scope: Scope) -> bytes:
        """Return the request's id, and put it where the app looks for it."""
        name = self._name
        identity = _choose(name, scope["headers"])
        if [value for each, value in scope["headers"] if each == name] != [identity]:
            scope["headers"] = [*(each for each in scope["headers"] if each[0] != name), (name, identity)]
        scope.setdefault("state", {})["request_id"] = identity.decode()
        return identity


def _with(field: tuple[bytes, bytes], headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return a response's headers with the id, in the place of one that the app has given."""
    return [*(each for each in headers if each[0].lower() != field[0]), field]
