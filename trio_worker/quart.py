"""The short way into a QuartTrio app.

Quart-Trio opens a nursery with two tasks for every request: one runs the handler, one reads the body and waits for the
client to hang up. When the whole body is there already, the first one is all that is left to do, and the connection
itself cancels it when the client goes. Requests whose body is still on its way take the stock way.

Only an app that kept Quart-Trio's own connection class is touched, and only on versions of Quart whose body class is
one of the two known here.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

import trio

from trio_worker.asgi import HANDLE, App, Receive, Send
from trio_worker.loading import Mounts

log = logging.getLogger(__name__)

# Bytes of a response in memory that leave without a time-out of their own: they fit into any socket's buffer, and the
# wire bounds a client that does not read.
UNTIMED_SIZE = 65536

Fill = Callable[[Any, bytes], Awaitable[None]]


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
    fill = _fill_for(app.request_class.body_class)
    if fill is None:
        log.info("this version of Quart is not known here; its requests take Quart-Trio's own way")
        return
    app.asgi_http_class = _make_direct(TrioASGIHTTPConnection, fill)


def _fill_for(body_class: Any) -> Fill | None:
    """How a request's body is given to this version of Quart, None for one that is not known."""
    if inspect.iscoroutinefunction(getattr(body_class, "put", None)):
        return _put
    if callable(getattr(body_class, "append", None)) and callable(getattr(body_class, "set_complete", None)):
        return _append
    return None


async def _append(body: Any, data: bytes) -> None:
    """Quart up to 0.22."""
    body.append(data)
    body.set_complete()


async def _put(body: Any, data: bytes) -> None:
    """Quart from 0.23."""
    if data:
        await body.put(data)
    body.set_complete()


def _make_direct(stock: Any, fill: Fill) -> Any:
    """The connection class that goes the short way where it can.

    Args:
        stock: Quart-Trio's own class.
        fill: how the request's body object is filled.
    """
    from quart.utils import encode_headers
    from quart.wrappers.response import DataBody

    class DirectHTTPConnection(stock):  # type: ignore[misc]
        """Quart-Trio's connection class without a nursery for requests whose body is complete."""

        async def __call__(self, receive: Receive, send: Send) -> None:
            handle = self.scope["extensions"].get(HANDLE)
            if handle is None or not handle.body_ready:
                await super().__call__(receive, send)
                return
            request = self._create_request_from_scope(send)
            await fill(request.body, (await receive()).get("body", b""))
            response = await self.app.handle_request(request)
            body = response.response
            if type(body) is DataBody and len(body.data) <= UNTIMED_SIZE:
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
            with trio.move_on_after(inf if timeout is None else timeout):
                await self._send_response(_convert(send), response)

    return DirectHTTPConnection


def _convert(send: Send) -> Send:
    """Quart from 0.23 tells an app of a client that has gone by an exception of its own."""
    import quart.asgi

    convert: Callable[[Send], Send] = getattr(quart.asgi, "_convert_os_error", lambda unchanged: unchanged)
    return convert(send)
