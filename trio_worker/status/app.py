"""The app of the status socket.

A page of another site in somebody's browser can send requests here, and must not read: a request for a host that is not
ours (as by a name that was pointed at this address, DNS rebinding), or from another origin, is refused.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from trio_worker.asgi import Receive, Scope, Send
from trio_worker.refusal import Refusal, answer

FOREIGN = Refusal(403, "This host is not one of this page's: an address, localhost, or a name in trio-status-hosts.")
NOT_HERE = Refusal(404, "There is nothing here.")
NOT_SO = Refusal(405, "This can be read with GET.")

# Called with the request's scope and `send`.
Page = Callable[[Scope, Send], Awaitable[None]]


class Status:
    """The app.

    Args:
        pages: by their paths.
        hosts: names that it may be asked by besides addresses and localhost.
    """

    def __init__(self, pages: dict[str, Page], hosts: Iterable[str]) -> None:
        self._pages = pages
        self._hosts = {"localhost", *map(str.lower, hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; WebSockets and all else that is not known are refused."""
        page = self._pages.get(scope["path"])
        if scope["type"] != "http" or page is None:
            await answer(scope, send, NOT_HERE)
        elif self._is_foreign(scope):
            await answer(scope, send, FOREIGN)
        elif scope["method"] not in ("GET", "HEAD"):
            await answer(scope, send, NOT_SO)
        else:
            await page(scope, send)

    def _is_foreign(self, scope: Scope) -> bool:
        given = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
        host, origin = given.get(b"host", ""), given.get(b"origin")
        # A browser cannot come by a UNIX socket; what passes its requests on there may call it as it likes.
        if scope["client"] is not None and not self._is_ours(host):
            return True
        return origin is not None and origin.partition("://")[2] != host

    def _is_ours(self, host: str) -> bool:
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in self._hosts
