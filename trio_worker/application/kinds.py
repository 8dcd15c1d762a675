"""The kinds of callables that an ini may name: an ASGI app, a WSGI app to be wrapped, or a mistake to be told."""

import inspect
import logging
from types import FunctionType
from typing import Any

from trio_worker.asgi import App

log = logging.getLogger(__name__)

# Bytes of a request body that a WSGI app gets at once, where `limit-post` says nothing: it cannot be read in pieces.
WSGI_BODY = 16 << 20


class AppError(Exception):
    """The app cannot be served; the message says which, why, and where to look."""


def as_asgi(app: Any, name: str, target: str, limit_post: int) -> App:
    """Return the app that is to be served for this callable.

    Args:
        app: the callable.
        name: under which it was found.
        target: of the ini, in which the name stands.
        limit_post: bytes that a body may have, 0 for no limit.

    Raises:
        AppError: it is something that cannot be served by Trio.
    """
    if _is_asyncio_quart(app):
        raise AppError(
            f"{name!r} of {target!r} is a Quart for asyncio; Trio runs QuartTrio: from quart_trio import QuartTrio"
        )
    if inspect.iscoroutine(app):
        app.close()
        raise AppError(
            f"the factory of {target!r} is async, and has made a coroutine; an app is made by a plain function"
        )
    if inspect.isclass(app) and not hasattr(app, "__await__"):
        raise AppError(f"{name!r} of {target!r} is a class; the app is an instance of it, as in app = {app.__name__}()")
    parameters = _parameters(app)
    if parameters == 0 and isinstance(app, FunctionType):
        raise AppError(f"{name!r} of {target!r} takes no arguments, so it is no app; a factory is named {target}()")
    if parameters == 2 and not _is_async(app):
        return _wrapped(app, name, target, limit_post)
    found: App = app
    return found


def _is_asyncio_quart(app: object) -> bool:
    names = {(each.__module__.partition(".")[0], each.__name__) for each in type(app).__mro__}
    return ("quart", "Quart") in names and ("quart_trio", "QuartTrio") not in names


def _parameters(app: Any) -> int | None:
    """Return how many arguments it has to be called with, None where that cannot be told."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters):
        return None
    return sum(each.default is each.empty for each in parameters)


def _is_async(app: Any) -> bool:
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004


def _wrapped(app: Any, name: str, target: str, limit_post: int) -> App:
    from hypercorn.middleware import TrioWSGIMiddleware

    log.info("%r of %r is a WSGI app: each of its requests runs in a thread", name, target)
    wrapped: App = TrioWSGIMiddleware(app, limit_post or WSGI_BODY)  # type: ignore[assignment]
    return wrapped
