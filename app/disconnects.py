"""A client that hangs up ends its request quietly.

Quart-Trio cancels the request when its client has gone. Since Quart 0.23, a view that waits for bytes of
that client is also woken by ``ClientDisconnectedError``, which Quart would log with a traceback, once for
every WebSocket that is closed. The error handler here lets the cancellation, which is already under way,
end the request instead.
"""

import quart.wrappers
import trio
from quart_trio import QuartTrio


def handle(app: QuartTrio) -> None:
    """Make ``app`` treat a client that hangs up as a cancelled request. Quart 0.22 does so by itself."""
    error = getattr(quart.wrappers, "ClientDisconnectedError", None)
    if error is not None:
        app.register_error_handler(error, _cancelled)


async def _cancelled(error: Exception) -> tuple[str, int]:
    await trio.lowlevel.checkpoint()
    # Not reached once the request is cancelled; the status is nginx's for a client that closed its request.
    return "", 499
