"""The short way into a QuartTrio app.

    connection.py    a request whose body is there is handled in the connection's own task
    application.py   what the app is asked at every request
    request.py       the request that Quart makes
    body.py          its body
    response.py      and the response

Only what an app has kept as Quart and Quart-Trio made it is touched, and only in versions of Quart that are known here:
what an app has put in the place of one of these classes stays as it is.
"""

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from trio_worker.application.loading import Mounts
from trio_worker.asgi import App

log = logging.getLogger(__name__)

# Versions of Quart whose requests, responses and connections are what this package takes them for.
KNOWN = ("0.22.", "0.23.")


def install(app: App) -> None:
    """Give every stock QuartTrio app in `app` (itself, or mounted) the direct classes."""
    for each in [mounted for _, mounted in app.apps] if isinstance(app, Mounts) else [app]:
        if _is_quart_trio(each):
            _install(each)


def _is_quart_trio(app: Any) -> bool:
    try:
        from quart_trio import QuartTrio
    except ImportError:
        return False
    return isinstance(app, QuartTrio)


def _install(app: Any) -> None:
    if not _is_known():
        log.info("this version of Quart is not known here; its requests take Quart-Trio's own way")
        return
    from trio_worker.quart import application, connection, response

    for part in (application, connection, response):
        part.install(app)


def _is_known() -> bool:
    from werkzeug.datastructures import Headers

    try:
        return version("quart").startswith(KNOWN) and "_list" in vars(Headers())
    except PackageNotFoundError:  # It lies beside the app, say, and not where pip puts packages.
        return False
