"""The layer above the app: a file that is found is served before the app is asked.

As in core/static.c, only GET and HEAD are for files, and what is no file goes to the app.
"""

import mimetypes

from trio_worker.application.static.answer import Answers
from trio_worker.application.static.lookup import Lookup
from trio_worker.asgi import App, Receive, Scope, Send
from trio_worker.options import Options


class StaticFiles:
    """The app behind its static files.

    Args:
        app: asked for everything that is no file.
        options: the parsed ini.
    """

    def __init__(self, app: App, options: Options) -> None:
        mimetypes.init()
        self._app = app
        self._lookup = Lookup(options)
        self._answers = Answers(options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, or call the app."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            file = self._lookup.find(scope["path"])
            if file is not None:
                await self._answers.send(file, scope, send)
                return
        await self._app(scope, receive, send)
