"""Quart's request, made and asked faster.

Most of what a request costs Quart before the handler runs is looking for headers that are not there, by an exception
each time, and finding out again and again what follows from the same words. The class made here is the app's own
request class with answers to that which cost less and are the same.
"""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any
from urllib.parse import urlparse

from quart.wrappers.base import BaseRequestWebsocket
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody
from werkzeug.datastructures import Headers
from werkzeug.sansio.request import Request as SansIORequest
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

from trio_worker.asgi import Scope, Send
from trio_worker.memory import Memory
from trio_worker.quart import body

# Names and hosts that are remembered, and the bytes of the longest name. Clients choose them, so there is an end to it.
REMEMBERED = 512
LONGEST_NAME = 256

_titles: Memory[bytes, str] = Memory(REMEMBERED, LONGEST_NAME)
_remembered = _titles.get


class RequestHeaders(Headers):
    """Werkzeug's headers, which find out without an exception that a name is not there."""

    def get(  # type: ignore[override]
        self, key: str, default: Any = None, type: Callable[[str], Any] | None = None
    ) -> Any:
        """Do what `werkzeug.datastructures.Headers.get` does."""
        wanted = key.lower()
        for name, value in self._list:
            if name.lower() == wanted:
                try:
                    return value if type is None else type(value)
                except ValueError:
                    break
        return default

    def __eq__(self, other: object) -> bool:
        """Compare with any headers by what they say; Werkzeug takes those of another class for unequal."""
        return isinstance(other, Headers) and Headers(list(self)) == Headers(list(other))

    __hash__ = None


# To the app it is Werkzeug's class, in `repr` too.
RequestHeaders.__name__ = RequestHeaders.__qualname__ = Headers.__name__

# A request that is made both ways before the first real one, with each of these paths.
_PATHS = "/root/a", "/root", "/rooted", "/a"
_SCOPE: Scope = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/root/a",
    "query_string": b"a=1",
    "root_path": "/root",
    "headers": [(b"host", b"example.org"), (b"x-a", b"1")],
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 80),
}


def check() -> None:
    """Hold requests made here against those that Quart-Trio has made.

    Raises:
        AttributeError, TypeError: a request cannot be made in the way that is known here, or comes out different.
    """
    app: Any = QuartTrio("trio_worker.quart", static_folder=None)
    for path in _PATHS:
        scope = {**_SCOPE, "path": path}
        stock: Any = TrioASGIHTTPConnection(app, scope)  # type: ignore[arg-type]
        theirs = stock._create_request_from_scope(None)
        ours = make_request(app, scope, stock._send_push_promise, None)  # type: ignore[arg-type]
        if _parts(ours) != _parts(theirs):
            raise TypeError("a request is made of something else")


def _parts(request: Any) -> object:
    told = request.host, request.blueprints, request.path, request.full_path, request.headers.get("x-a", type=int)
    return told, list(request.headers), vars(request).keys()


def make_request(app: Any, scope: Scope, push_promise: Callable[..., Any], send: Send) -> Any:
    """Make the request of an ASGI scope, as Quart's own connection class does.

    Args:
        app: the app that is to handle it.
        scope: the request's scope.
        push_promise: the function that sends a push promise; called with `send`, a path and headers.
        send: the request's `send`.
    """
    config, version, root_path = app.config, scope["http_version"], scope.get("root_path", "")
    headers = RequestHeaders()
    headers._list = [("Remote-Addr", (scope.get("client") or ["<local>"])[0])]
    headers._list += [(_remembered(name) or _title(name), value.decode("latin1")) for name, value in scope["headers"]]
    if version < "1.1":
        headers.setdefault("Host", config["SERVER_NAME"] or "")
    path = scope["path"]
    path = path if path[0] == "/" else urlparse(path).path
    return faster(app.request_class)(
        scope["method"],
        scope["scheme"],
        _behind(path, root_path) if root_path else path,
        scope["query_string"],
        headers,
        root_path,
        version,
        max_content_length=config["MAX_CONTENT_LENGTH"],
        body_timeout=config["BODY_TIMEOUT"],
        send_push_promise=partial(push_promise, send),
        scope=scope,
    )


def _behind(path: str, root_path: str) -> str:
    """Return the path behind the root path; one that no rule has, as Quart does, where it is not below that."""
    below = path.removeprefix(root_path)
    return " " if below in ("", path) else below


def _title(name: bytes) -> str:
    return _titles.keep(name, name.decode("latin1").title(), len(name))


@cache
def faster(stock: Any) -> Any:
    """Return the request class of an app with faster answers where it has kept Quart's and Werkzeug's."""
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
    # A list of trusted hosts cannot be remembered by, and is looked through for every request.
    get = _get_host if request.trusted_hosts is None else get_host
    return get(request.scheme, request.headers.get("host"), request.server, request.trusted_hosts)


def _blueprints(request: Any) -> list[str]:
    name = request.blueprint
    return [] if name is None else list(_blueprints_around(name))


@lru_cache(REMEMBERED)
def _blueprints_around(name: str) -> tuple[str, ...]:
    """Return a blueprint and those that it is nested in, the innermost first."""
    parts = name.split(".")
    return tuple(".".join(parts[:count]) for count in range(len(parts), 0, -1))
