"""Faster answers to what a QuartTrio app is asked at every request: is this function async, which host was meant?

These are methods that Quart invites its users to override; an app that has done so is left alone.
"""

from collections.abc import Callable
from inspect import CO_COROUTINE, signature
from types import FunctionType, MethodType
from typing import Any

from quart import Quart
from werkzeug.routing import MapAdapter

from trio_worker.memory import Memory

# Hosts that are remembered, and the letters of the longest: that of a name in DNS, with a port.
REMEMBERED = 512
LONGEST_HOST = 260

# Quart's subdomain of a host that is not the configured one's; it warns each time.
INVALID = "<invalid>"

# The parts of a MapAdapter, in this order.
_ADAPTER = ["map", "server_name", "script_name", "subdomain", "url_scheme", "path_info", "default_method", "query_args"]


def check() -> None:
    """Hold Werkzeug's adapter and Quart's methods against what is known here.

    Raises:
        AttributeError: one of Quart's methods is missing.
        TypeError: an adapter is made of something else.
    """
    if list(signature(MapAdapter).parameters) != _ADAPTER:
        raise TypeError(f"a MapAdapter is made of {signature(MapAdapter)}")
    for name in ("ensure_async", "create_url_adapter"):
        getattr(Quart, name)


def install(app: Any) -> None:
    """Give an app that kept Quart's methods the faster ones."""
    if _is_stock(app, "ensure_async"):
        app.ensure_async = _make_ensure_async(app.ensure_async)
    if _is_stock(app, "create_url_adapter"):
        app.create_url_adapter = UrlAdapters(app, app.create_url_adapter)


def _is_stock(app: Any, name: str) -> bool:
    return name not in vars(app) and getattr(type(app), name) is getattr(Quart, name)


def _make_ensure_async(stock: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def ensure_async(func: Any) -> Any:
        """Do what `quart.Quart.ensure_async` does; an `async def` is seen at once, without Quart's closer look."""
        if type(func) in (FunctionType, MethodType) and func.__code__.co_flags & CO_COROUTINE:
            return func
        return stock(func)

    return ensure_async


class UrlAdapters:
    """The `create_url_adapter` of one app, which asks Quart once for each host.

    Args:
        app: the app whose URLs are matched and built.
        stock: Quart's own method.
    """

    def __init__(self, app: Any, stock: Callable[[Any], Any]) -> None:
        self._app = app
        self._stock = stock
        self._known: Memory[Any, MapAdapter] = Memory(REMEMBERED, LONGEST_HOST)

    def __call__(self, request: Any) -> Any:
        """Do what `quart.Quart.create_url_adapter` does."""
        if request is None:
            return self._stock(None)
        host = request.host, request.scheme, self._app.config["SERVER_NAME"]
        known = self._known.get(host)
        if known is None:
            return self._find(request, host)
        return MapAdapter(
            known.map,
            known.server_name,
            request.root_path,
            known.subdomain,
            request.scheme,
            request.path,
            request.method,
            request.query_string.decode(),
        )

    def _find(self, request: Any, host: Any) -> Any:
        adapter = self._stock(request)
        if type(adapter) is MapAdapter and adapter.subdomain != INVALID:
            self._known.keep(host, adapter, len(request.host))
        return adapter
