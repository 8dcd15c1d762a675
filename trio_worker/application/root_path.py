"""The place where clients see the app, when a front takes the beginning of the path away (`root_path` of ASGI).

`trio-root-path` names it, or a trusted front with `X-Forwarded-Prefix`. ASGI's `path` has it at its beginning, and so
gets it back, but only right before the app: static files and mounts are named as the front passes paths on.
"""

from trio_worker.asgi import App, Receive, Scope, Send

# The key in a scope for a prefix that is to be put back.
PREFIX = "trio_worker.prefix"


def restore(scope: Scope) -> None:
    """Put what a front has taken from the path back before it."""
    prefix = scope.pop(PREFIX, "")
    if prefix and scope["path"].startswith("/"):
        scope["root_path"] = prefix + scope["root_path"]
        scope["path"] = prefix + scope["path"]
        scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")


class RootPath:
    """The layer that says where clients see the app.

    Args:
        app: the layer below, in which `restore` is called.
        prefix: of every request; a trusted front may say another one.
    """

    def __init__(self, app: App, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app for one request or session."""
        scope[PREFIX] = self._prefix
        await self._app(scope, receive, send)


def restoring(app: App) -> App:
    """Return an app that is called with the whole path."""

    async def restored(scope: Scope, receive: Receive, send: Send) -> None:
        restore(scope)
        await app(scope, receive, send)

    return restored
