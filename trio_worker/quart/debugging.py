"""Quart's page for an exception, in an app whose `debug` is on: Quart-Trio leaves it to its server."""

import logging
from typing import Any

from trio_worker.asgi import Message, Receive, Send

log = logging.getLogger(__name__)


def show_faults(app: Any) -> None:
    """Have the app answer with a page that shows the traceback and the variables, where nothing has left yet."""
    app.asgi_http_class = type("DebuggedHTTPConnection", (Debugged, app.asgi_http_class), {})


class Debugged:
    """A part of a connection class."""

    scope: Any

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Answer the request, an exception with its page."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await super().__call__(receive, noting)  # type: ignore[misc]
        except Exception as error:  # A group of them is one, too.
            if begun:
                raise
            log.error("exception in %s %r", self.scope["method"], self.scope["path"], exc_info=error)
            await _show(_first(error), send)


async def _show(error: Exception, send: Send) -> None:
    from quart.debug import traceback_response

    answer = await traceback_response(error)
    body = await answer.get_data(as_text=False)
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _first(error: Exception) -> Exception:
    """Return the exception that an app has raised; Quart-Trio's nursery puts it into a group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
