"""The short way into a QuartTrio app.

    connection.py    a request whose body is there is handled in the connection's own task
    application.py   what the app is asked at every request
    request.py       the request that Quart makes
    body.py          its body
    response.py      and the response
    websocket.py     a WebSocket whose handler reads its messages itself
    debugging.py     its page for an exception, for development

Only what an app has kept as Quart and Quart-Trio made it is touched: what an app has put in the place of one of these
classes stays as it is. The short way uses private names of Quart, Quart-Trio and Werkzeug. Where one of them is missing
or has changed, or the version is unknown, requests take Quart-Trio's own way, and one line in the log says so.
"""

import logging
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from trio_worker.application.loading import Mounts
from trio_worker.asgi import App
from trio_worker.quart import debugging

log = logging.getLogger(__name__)

# Versions of Quart whose requests, responses and connections are what this package takes them for.
KNOWN = ("0.22.", "0.23.")


def install(app: App) -> None:
    """Give every stock QuartTrio app in `app` (itself, or mounted) the direct classes."""
    for each in [mounted for _, mounted in app.apps] if isinstance(app, Mounts) else [app]:
        if _is_quart_trio(each):
            _install(each)


def show_faults(app: App) -> None:
    """Have every QuartTrio app in `app` whose `debug` is on answer an exception with Quart's page."""
    for each in _quart_apps(app):
        if each.debug:
            debugging.show_faults(each)


def tell_routes(app: App) -> None:
    """Have metrics know the rules of every QuartTrio app in `app`; where that cannot be, its requests have none."""
    for each in _quart_apps(app):
        try:
            from trio_worker.quart import connection

            connection.tell_routes(each)
        except (ImportError, AttributeError) as error:
            log.info("the routes of %r are not known to the metrics: %r", each, error)


def tell_exceptions(app: App, told: Callable[[BaseException], object]) -> None:
    """Have `told` called with every exception that a QuartTrio app in `app` makes a 500 of; none of these leaves it."""

    async def receive(sender: object, exception: BaseException, **others: object) -> None:
        told(exception)

    for each in _quart_apps(app):
        try:
            from quart import got_request_exception
        except ImportError as error:
            log.info("the exceptions of %r are not known to the status: %r", each, error)
            return
        # Quart would call what is not async in a thread.
        got_request_exception.connect(receive, each, weak=False)


def _quart_apps(app: App) -> Iterator[Any]:
    return filter(_is_quart_trio, [mounted for _, mounted in app.apps] if isinstance(app, Mounts) else [app])


def _is_quart_trio(app: Any) -> bool:
    try:
        from quart_trio import QuartTrio
    except ImportError:
        return False
    return isinstance(app, QuartTrio)


def _install(app: Any) -> None:
    for part in _parts():
        try:
            part.install(app)
        except Exception as error:  # An app may have made anything of Quart's classes; it is served all the same.
            log.info("%s is left as the app has it: %r", part.__name__, error)


@cache
def _parts() -> tuple[ModuleType, ...]:
    """Import the parts of the short way and hold them against the Quart that is there; none of them if they differ."""
    if not _is_known():
        log.info("this version of Quart is not known here; its requests take Quart-Trio's own way")
        return ()
    try:
        from trio_worker.quart import application, connection, request, response

        for check in (application.check, connection.check, request.check):
            check()
    except Exception as error:  # Whatever another version does in another way, the app is served.
        log.info("Quart is not what is known here (%r); its requests take Quart-Trio's own way", error)
        return ()
    return application, connection, response, *_sockets()


def _sockets() -> tuple[ModuleType, ...]:
    """Do the same with the part for WebSockets, which change from one version of Quart-Trio to another."""
    try:
        from trio_worker.quart import websocket

        websocket.check()
    except Exception as error:
        log.info("Quart-Trio is not what is known here (%r); its WebSockets take its own way", error)
        return ()
    return (websocket,)


def _is_known() -> bool:
    try:
        return version("quart").startswith(KNOWN)
    except PackageNotFoundError:  # It lies beside the app, say, and not where pip puts packages.
        return False
