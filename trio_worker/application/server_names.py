"""The hosts that are served here, where a Hypercorn configuration names them (`server_names`): another one gets 404."""

from trio_worker.asgi import App, Receive, Scope, Send
from trio_worker.refusal import Refusal, text_headers

_UNKNOWN = Refusal(404, "This host is not served here (server_names).")


class ServerNames:
    """The layer that answers requests for other hosts.

    Args:
        app: the layer below.
        names: as clients write them in Host or :authority, with the port where they write one.
    """

    def __init__(self, app: App, names: tuple[str, ...]) -> None:
        self._app = app
        self._names = {name.encode() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app for a request or session on one of these hosts."""
        if next((value for name, value in scope["headers"] if name == b"host"), b"") in self._names:
            await self._app(scope, receive, send)
            return
        kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
        await send({"type": f"{kind}.start", "status": _UNKNOWN.status, "headers": text_headers(_UNKNOWN.body)})
        await send({"type": f"{kind}.body", "body": _UNKNOWN.body})
