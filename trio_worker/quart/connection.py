"""A request whose body is there, handled without a nursery.

Quart-Trio opens a nursery with two tasks for every request: one runs the handler, one reads the body and waits for the
client to hang up. When the whole body is there already, the first one is all that is left to do, and the connection
itself cancels it when the client goes. Requests whose body is still on its way take the stock way.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from math import inf
from typing import Any

import quart.asgi
import trio
from quart.utils import encode_headers
from quart.wrappers.response import DataBody
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody

from trio_worker.asgi import RUNNING, Message, Receive, Send
from trio_worker.quart.request import faster, make_request

# Bytes of a response in memory that leave without a time-out of their own: they fit into any socket's buffer, and the
# wire bounds a client that does not read.
UNTIMED_SIZE = 65536

# The methods that are called or replaced here, of the classes that an app is made of.
_USED: dict[type, tuple[str, ...]] = {
    TrioASGIHTTPConnection: ("_create_request_from_scope", "_send_push_promise", "_send_response"),
    TrioBody: ("set_complete", "set_result"),
    QuartTrio: ("asgi_http_class", "handle_request"),
}

# Quart from 0.23 tells what it calls by an exception of its own that the client has gone.
_convert: Callable[[Send], Send] = getattr(quart.asgi, "_convert_os_error", lambda unchanged: unchanged)
_disconnected: type[BaseException] | None = getattr(quart.asgi, "ClientDisconnectedError", None)
_is_no_error = suppress(_disconnected) if _disconnected else nullcontext()


def check() -> None:
    """Look for what is used here.

    Raises:
        AttributeError: something of it is missing; the message names it.
    """
    for owner, names in _USED.items():
        for name in names:
            getattr(owner, name)
    body = DataBody(b"")
    for name in ("data", "begin", "end"):
        getattr(body, name)


def install(app: Any) -> None:
    """Give an app that kept Quart-Trio's connection class the direct one."""
    if app.asgi_http_class is TrioASGIHTTPConnection:
        faster(app.request_class)
        app.asgi_http_class = DirectHTTPConnection


def tell_routes(app: Any) -> None:
    """Have metrics know the rule of each request, in an app that has kept one of these two connection classes."""
    if app.asgi_http_class in (TrioASGIHTTPConnection, DirectHTTPConnection):
        app.asgi_http_class = type("RoutedHTTPConnection", (Routed, app.asgi_http_class), {})


class Routed:
    """A part of a connection class: leaves Quart's request, which will know its rule, with the request that runs."""

    scope: Any

    def _create_request_from_scope(self, send: Any) -> Any:
        request = super()._create_request_from_scope(send)  # type: ignore[misc]
        running = (self.scope.get("extensions") or {}).get(RUNNING)
        if running is not None:
            running.asked = request
        return request


class DirectHTTPConnection(TrioASGIHTTPConnection):
    """Quart-Trio's connection class without a nursery for requests whose body is complete."""

    app: Any
    scope: Any

    async def __call__(self, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer the request."""
        extensions = self.scope.get("extensions")  # An app that asks itself, by httpx for one, may give none.
        running = extensions and extensions.get(RUNNING)
        if not (running and running.body_ready):
            await super().__call__(receive, send)  # type: ignore[arg-type]
            return
        request = self._create_request_from_scope(send)
        message = await receive()
        data = message.get("body", b"") if not message.get("more_body") else await _join(message, receive)
        if data:
            request.body.set_result(data)
        else:
            request.body.set_complete()
        response = await self.app.handle_request(request)
        body = response.response
        if type(body) is DataBody and type(body.data) is bytes and len(body.data) <= UNTIMED_SIZE:
            headers = encode_headers(response.headers)
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            await send({"type": "http.response.body", "body": body.data[body.begin : body.end]})
        else:
            await self._send_timed(send, response)

    def _create_request_from_scope(self, send: Any) -> Any:
        return make_request(self.app, self.scope, self._send_push_promise, send)

    async def _send_timed(self, send: Send, response: Any) -> None:
        """Send a response as Quart does, within RESPONSE_TIMEOUT or the response's own time-out (seconds)."""
        timeout = getattr(response, "timeout", Ellipsis)
        if timeout is Ellipsis:
            timeout = self.app.config["RESPONSE_TIMEOUT"]
        with trio.move_on_after(inf if timeout is None else timeout), _is_no_error:
            await self._send_response(_convert(send), response)  # type: ignore[arg-type]


async def _join(message: Message, receive: Receive) -> bytes:
    """Return a whole body that middleware hands on in pieces, `message` being the first."""
    pieces = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        pieces.append(message.get("body", b""))
    return b"".join(pieces)
