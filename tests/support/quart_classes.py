"""An app and its requests without a server, as Quart makes them and as we do, and what comes of asking them."""

from collections.abc import Callable
from typing import Any, cast

from quart.asgi import ASGIHTTPConnection
from quart_trio import QuartTrio

from trio_worker.quart.request import make_request


def make_scope(**given: Any) -> dict[str, Any]:
    headers = [
        (b"host", b"example.org:81"),
        (b"x-many", b"1"),
        (b"x-many", b"2"),
        (b"x-number", b"7"),
        (b"x-word", b"a"),
    ]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "get",
        "scheme": "http",
        "path": "/a/b",
        "query_string": b"q=1",
        "root_path": "",
        "headers": headers,
        "client": ("10.0.0.7", 1),
        "server": ("127.0.0.1", 8000),
        **given,
    }


def make_app(kind: Any = QuartTrio, **options: Any) -> Any:
    return kind(__name__, **options)


async def no_send(message: Any) -> None:
    raise AssertionError(message)


def make_both(app: Any, scope: dict[str, Any]) -> tuple[Any, Any]:
    """The request as Quart makes it, and ours."""
    connection = ASGIHTTPConnection(app, cast(Any, scope))
    theirs = connection._create_request_from_scope(no_send)
    return theirs, make_request(app, scope, connection._send_push_promise, no_send)


def outcome(ask: Callable[..., Any], *arguments: Any) -> object:
    """What comes out of a call: its result, or the type of what it raised."""
    try:
        return ask(*arguments)
    except Exception as error:
        return type(error)
