"""The short way into a QuartTrio app.

Quart-Trio opens a nursery with two tasks for every request: one runs the handler, one reads the body and waits for the
client to hang up. When the whole body is there already, the first one is all that is left to do, and the connection
itself cancels it when the client goes. Requests whose body is still on its way take the stock way.

Only an app that kept Quart-Trio's own connection class is touched, and only on versions of Quart whose request takes
its body at once.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext, suppress
from math import inf
from typing import Any

import trio

from trio_worker.asgi import HANDLE, App, Message, Receive, Send
from trio_worker.loading import Mounts

log = logging.getLogger(__name__)

# Bytes of a response in memory that leave without a time-out of their own: they fit into any socket's buffer, and the
# wire bounds a client that does not read.
UNTIMED_SIZE = 65536


def install(app: App) -> None:
    """Give every stock QuartTrio app in `app` (itself, or mounted) the direct connection class."""
    for each in [mounted for _, mounted in app.apps] if isinstance(app, Mounts) else [app]:
        _install(each)


def _install(app: Any) -> None:
    try:
        from quart_trio import QuartTrio
        from quart_trio.asgi import TrioASGIHTTPConnection
    except ImportError:
        return
    if not isinstance(app, QuartTrio) or app.asgi_http_class is not TrioASGIHTTPConnection:
        return
    if not _is_known(app.request_class.body_class):
        log.info("this version of Quart is not known here; its requests take Quart-Trio's own way")
        return
    app.asgi_http_class = _make_direct(TrioASGIHTTPConnection)


def _is_known(body_class: Any) -> bool:
    """Whether a request of this version of Quart takes its body at once, without a wait."""
    return all(callable(getattr(body_class, name, None)) for name in ("set_result", "set_complete"))


def _make_direct(stock: Any) -> Any:
    """The connection class that goes the short way where it can.

    Args:
        stock: Quart-Trio's own class.
    """
    import quart.asgi
    from quart.utils import encode_headers
    from quart.wrappers.response import DataBody

    # Quart from 0.23 tells what it calls by an exception of its own that the client has gone.
    convert: Callable[[Send], Send] = getattr(quart.asgi, "_convert_os_error", lambda unchanged: unchanged)
    disconnected: type[BaseException] | None = getattr(quart.asgi, "ClientDisconnectedError", None)
    is_no_error = suppress(disconnected) if disconnected else nullcontext()

    class DirectHTTPConnection(stock):  # type: ignore[misc]
        """Quart-Trio's connection class without a nursery for requests whose body is complete."""

        async def __call__(self, receive: Receive, send: Send) -> None:
            extensions = self.scope.get("extensions")  # An app that asks itself, by httpx for one, may give none.
            handle = extensions and extensions.get(HANDLE)
            if not (handle and handle.body_ready):
                await super().__call__(receive, send)
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

        async def _send_timed(self, send: Send, response: Any) -> None:
            """Quart's way to send a response, within RESPONSE_TIMEOUT or the response's own time-out (seconds)."""
            timeout = getattr(response, "timeout", Ellipsis)
            if timeout is Ellipsis:
                timeout = self.app.config["RESPONSE_TIMEOUT"]
            with trio.move_on_after(inf if timeout is None else timeout), is_no_error:
                await self._send_response(convert(send), response)

    return DirectHTTPConnection


async def _join(message: Message, receive: Receive) -> bytes:
    """The rest of a body that middleware hands on in pieces, though it has come whole."""
    pieces = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        pieces.append(message.get("body", b""))
    return b"".join(pieces)
