"""Quart's request, made and asked faster.

Most of what a request costs Quart before the handler runs is looking for headers that are not there, by an exception
each time, and finding out again and again what follows from the same words. The class made here is the app's own
request class with answers to that which cost less and are the same.
"""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any
from urllib.parse import urlparse

from quart.asgi import _normalise_path
from quart.helpers import _split_blueprint_path
from quart.wrappers.base import BaseRequestWebsocket
from quart_trio.wrappers.request import TrioBody
from werkzeug.datastructures import Headers
from werkzeug.sansio.request import Request as SansIORequest
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

from trio_worker.asgi import Scope, Send
from trio_worker.quart import body

# Names and hosts that are remembered. Clients choose them, so there is an end to it.
REMEMBERED = 512


class RequestHeaders(Headers):
    """Werkzeug's headers; what is not there is found out without an exception."""

    def get(  # type: ignore[override]
        self, key: str, default: Any = None, type: Callable[[str], Any] | None = None
    ) -> Any:
        """See `werkzeug.datastructures.Headers.get`."""
        wanted = key.lower()
        for name, value in self._list:
            if name.lower() == wanted:
                try:
                    return value if type is None else type(value)
                except ValueError:
                    break
        return default

    def __eq__(self, other: object) -> bool:
        """Equal to any headers that say the same: to Werkzeug, another class is another thing."""
        return isinstance(other, Headers) and Headers(list(self)) == Headers(list(other))

    __hash__ = None


RequestHeaders.__name__ = RequestHeaders.__qualname__ = Headers.__name__


def make_request(app: Any, scope: Scope, push_promise: Callable[..., Any], send: Send) -> Any:
    """The request of an ASGI scope, as Quart's own connection class makes it.

    Args:
        app: that is to handle it.
        scope: of the request.
        push_promise: what sends a push promise; called with `send`, a path and headers.
        send: of the request.
    """
    config, version, root_path = app.config, scope["http_version"], scope.get("root_path", "")
    headers = RequestHeaders()
    headers._list = [("Remote-Addr", (scope.get("client") or ["<local>"])[0])]
    headers._list += [(_title(name), value.decode("latin1")) for name, value in scope["headers"]]
    if version < "1.1":
        headers.setdefault("Host", config["SERVER_NAME"] or "")
    path = scope["path"]
    path = path if path[0] == "/" else urlparse(path).path
    return _faster(app.request_class)(
        scope["method"],
        scope["scheme"],
        _normalise_path(path, root_path) if root_path else path,
        scope["query_string"],
        headers,
        root_path,
        version,
        max_content_length=config["MAX_CONTENT_LENGTH"],
        body_timeout=config["BODY_TIMEOUT"],
        send_push_promise=partial(push_promise, send),
        scope=scope,
    )


@lru_cache(REMEMBERED)
def _title(name: bytes) -> str:
    return name.decode("latin1").title()


@cache
def _faster(stock: Any) -> Any:
    """The request class of an app, with faster answers where it has kept Quart's and Werkzeug's."""
    own: dict[str, Any] = {"__module__": stock.__module__, "__qualname__": stock.__qualname__}
    if stock.host is SansIORequest.host:
        own["host"] = cached_property(_host, name="host", doc=stock.host.__doc__)
    if stock.blueprints is BaseRequestWebsocket.blueprints:
        own["blueprints"] = property(_blueprints, doc=stock.blueprints.__doc__)
    if stock.body_class is TrioBody and body.is_alike():
        own["body_class"] = body.QueueBody
    return type(stock.__name__, (stock,), own)


_get_host = lru_cache(REMEMBERED)(get_host)


def _host(request: Any) -> str:
    # Who trusts certain hosts only has them asked each time.
    get = _get_host if request.trusted_hosts is None else get_host
    return get(request.scheme, request.headers.get("host"), request.server, request.trusted_hosts)


def _blueprints(request: Any) -> list[str]:
    name = request.blueprint
    return [] if name is None else _split_blueprint_path(name)
