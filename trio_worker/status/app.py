"""The app of the status socket.

A page of another site in somebody's browser can send requests here, and must neither read nor act: a request for a host
that is not ours (as by a name that was pointed at this address, DNS rebinding), or from another origin, is refused. So
is what a browser says another site has asked for (Fetch Metadata), unless it follows a link.

Who acts has to know the token besides; without one nothing that acts exists.
"""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from trio_worker.asgi import Headers, Message, Receive, Scope, Send
from trio_worker.refusal import Refusal, answer

FOREIGN = Refusal(403, "This host is not one of this page's: an address, localhost, or a name in trio-status-hosts.")
NOT_HERE = Refusal(404, "There is nothing here.")
NOT_SO = Refusal(405, "This can be read with GET.")
NOT_READ = Refusal(405, "This acts, and takes a POST.")
NO_TOKEN = Refusal(401, "The token is missing or wrong.")

# The headers of every answer: the page loads nothing from elsewhere, stands in no frame, and leaves no copy.
HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy",
     b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]  # fmt: skip

# Called with the request's scope and `send`.
Page = Callable[[Scope, Send], Awaitable[None]]


class Status:
    """The app.

    Args:
        pages: by their paths.
        hosts: names that it may be asked by besides addresses and localhost.
        actions: what takes a POST and the token, by its paths.
        token: that those who act have to know, "" where nobody can.
        checks: what is read by those who know the token.
    """

    def __init__(
        self,
        pages: Mapping[str, Page],
        hosts: Iterable[str],
        actions: Mapping[str, Page] | None = None,
        token: str = "",
        checks: Mapping[str, Page] | None = None,
    ) -> None:
        self._pages = {**pages, **((checks or {}) if token else {})}
        self._actions = dict(actions or {}) if token else {}
        self._checks = frozenset(checks or ())
        self._hosts = {"localhost", *map(str.lower, hosts)}
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; WebSockets and all else that is not known are refused."""
        send = _with_headers(scope, send)
        refusal = NOT_HERE if scope["type"] != "http" else self._refuse(scope)
        if refusal is not None:
            await answer(scope, send, refusal)
        else:
            await (self._pages.get(scope["path"]) or self._actions[scope["path"]])(scope, send)

    def _refuse(self, scope: Scope) -> Refusal | None:
        path, method = scope["path"], scope["method"]
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if path not in self._pages and path not in self._actions:
            return NOT_HERE
        if self._is_foreign(scope, headers):
            return FOREIGN
        if path in self._pages and method not in ("GET", "HEAD"):
            return NOT_SO
        if path in self._actions and method != "POST":
            return NOT_READ
        if path in self._pages and path not in self._checks:
            return None
        return None if self._knows_token(headers) else NO_TOKEN

    def _knows_token(self, headers: Mapping[bytes, str]) -> bool:
        scheme, _, given = headers.get(b"authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)

    def _is_foreign(self, scope: Scope, headers: Mapping[bytes, str]) -> bool:
        host, origin = headers.get(b"host", "").lower(), headers.get(b"origin")
        # A browser cannot come by a UNIX socket; what passes its requests on there may call it as it likes.
        if scope["client"] is not None and not self._is_ours(host):
            return True
        if origin is not None and origin.lower().partition("://")[2] != host:
            return True
        site, mode = headers.get(b"sec-fetch-site"), headers.get(b"sec-fetch-mode")
        return site in ("cross-site", "same-site") and not (mode == "navigate" and scope["method"] == "GET")

    def _is_ours(self, host: str) -> bool:
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in self._hosts


def _with_headers(scope: Scope, send: Send) -> Send:
    # A new connection for every question: one that was kept leads to a worker that may be stuck by then.
    added = [*HEADERS, (b"connection", b"close")] if scope["http_version"].startswith("1") else HEADERS

    def adding(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *added]}
        return send(message)

    return adding
