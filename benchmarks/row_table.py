"""The rows: what is asked of a server, by which client, and who answers beside ours.

The client of every row is a browser's: twelve headers, in heads of which none repeats. One row repeats a small head.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .apps.bare import CHUNK, CHUNKS, HELLO
from .h2load import h2load_as_browser
from .load import Client, wrk_as_browser
from .loader import Loader
from .running import BARE, QUART
from .servers import OVER_HTTP2, OVER_UWSGI, Flavour, Server

BROWSER = Loader()


@dataclass(frozen=True)
class Row:
    """One kind of request: which applications answer it, at which path, with what, and whose client asks.

    A row that posts is answered with the document that it sent, which need not be the same bytes. One behind nginx is
    asked for over `uwsgi_pass`. Without `servers` it is the usual ones, those that the command line names.
    """

    name: str
    title: str
    apps: Mapping[Flavour, str]
    path: str = "/"
    answer: bytes = HELLO
    posts: bool = False
    client: Client = BROWSER
    servers: tuple[Server, ...] | None = None
    tls: bool = False
    behind_nginx: bool = False


ROWS = (
    Row("hello", "Bare ASGI hello", BARE),
    Row("hello-repeated", "Bare ASGI hello, one small head repeated", BARE, client=Loader("-r")),
    Row("hello-connection", "Bare ASGI hello, a connection a request", BARE, client=Loader("-x")),
    Row("hello-tls", "Bare ASGI hello over TLS", BARE, client=wrk_as_browser, tls=True),
    Row("quart", "Quart hello", QUART),
    Row("json", "10 KB JSON POST echoed (Quart)", QUART, "/echo", posts=True),
    Row("stream", "1 MB streamed response (bare ASGI)", BARE, path="/stream", answer=CHUNK * CHUNKS),
    Row("uwsgi", "Bare hello behind nginx, by uwsgi_pass", BARE, servers=OVER_UWSGI, behind_nginx=True),
    Row("websocket", "WebSocket echo of 32 bytes (bare ASGI)", BARE, client=Loader("-w32")),
    Row("websocket-16k", "WebSocket echo of 16 KiB (bare ASGI)", BARE, client=Loader("-w16384")),
    Row("websocket-8", "WebSocket echo of 32 bytes, 8 in flight (bare ASGI)", BARE, client=Loader("-w32", "-n8")),
    Row("websocket-quart", "WebSocket echo of 32 bytes (Quart)", QUART, client=Loader("-w32")),
    Row("http2", "HTTP/2 hello (bare ASGI)", BARE, client=h2load_as_browser, servers=OVER_HTTP2),
    Row("http2-tls", "HTTP/2 hello over TLS (bare ASGI)", BARE, client=h2load_as_browser, servers=OVER_HTTP2, tls=True),
    Row("http2-quart", "HTTP/2 hello (Quart)", QUART, client=h2load_as_browser, servers=OVER_HTTP2),
)
BY_NAME = {row.name: row for row in ROWS}
