"""Forwarded headers: what proxies say of the client, believed from those of `trio-proxy-allow` only.

    X-Forwarded-For: 203.0.113.7, 10.0.0.2        the client, with a port or without, then each proxy that it passed
    X-Forwarded-Proto: https
    X-Forwarded-Host: example.org
    X-Forwarded-Port: 8443
    X-Forwarded-Prefix: /shop                     what the proxy has taken from the beginning of the path
    Forwarded: for="[2001:db8::7]:4711";proto=https;host=example.org, for=10.0.0.2        (RFC 7239)

The lists are read from their end: the last entry was written by our peer, the one before by the proxy that this entry
names, and so on. The first address that is no trusted proxy's is the client's, whatever stands before it, for anybody
can have written that. So a front has to set each of these headers, or to remove what its client sent.
"""

import ipaddress
import logging
import re
from collections.abc import Iterator
from typing import NamedTuple

from trio_worker.application.root_path import PREFIX
from trio_worker.asgi import App, Headers, Receive, Scope, Send
from trio_worker.host import is_host
from trio_worker.options import Options
from trio_worker.options.trust import Peers
from trio_worker.options.values import is_prefix
from trio_worker.refusal import Refusal, answer

log = logging.getLogger(__name__)

# Proxies of a chain that are listened to, from the nearest one on, and bytes of Forwarded, which cannot be read from
# its end: a client may write thousands of entries, and each costs some microseconds.
MOST, LONGEST = 64, 8192

AMBIGUOUS = Refusal(400, "The proxies of this request do not agree on its client.")

TOO_LONG = Refusal(431, f"Forwarded may have {LONGEST} bytes.", "limit")

# One parameter of Forwarded: a name and a token or quoted string (RFC 7239 section 4), or what separates them.
_PARAMETER = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*', re.ASCII)
_ESCAPED = re.compile(r"\\(.)")

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# The names of a scheme in the two kinds of scopes.
_SCHEMES = {
    "http": {"http": "http", "https": "https"},
    "websocket": {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"},
}


def layer(app: App, options: Options) -> App:
    """The app with the layer above it, or without one where nobody is believed."""
    return Forwarded(app, options.proxy_allow, options.proxy_headers) if options.proxy_allow else app


class Hop(NamedTuple):
    """One proxy's word on its own peer; empty for what it does not say."""

    client: str = ""
    client_port: int = 0
    scheme: str = ""
    host: str = ""
    port: int = 0


class Forwarded:
    """The ASGI layer that puts the client's names into scopes.

    Args:
        app: the layer below.
        proxies: who is believed.
        kind: "x-forwarded" or "forwarded" for the one kind of headers that the proxies set, "any" for whichever comes.
    """

    def __init__(self, app: App, proxies: Peers, kind: str) -> None:
        self._app = app
        self._proxies = proxies
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app for one request or session; a request whose two kinds of headers disagree gets 400."""
        if scope["type"] in ("http", "websocket") and scope["client"] in self._proxies:
            if self._kind != "x-forwarded" and _is_too_long(scope["headers"]):
                await answer(scope, send, TOO_LONG)
                return
            hops = self._hops(scope)
            if hops is None:
                log.warning("the forwarded headers disagree: trio-proxy-headers says which kind of them to believe")
                await answer(scope, send, AMBIGUOUS)
                return
            _apply(scope, self._choose(hops))
            if self._kind != "forwarded" and (prefixes := _values(scope["headers"], b"x-forwarded-prefix")):
                prefix = prefixes[0].rstrip("/")
                scope[PREFIX] = prefix if is_prefix(prefix) else scope.get(PREFIX, "")
        await self._app(scope, receive, send)

    def _hops(self, scope: Scope) -> list[Hop] | None:
        """Return what every proxy says, the nearest one first; None where nobody can tell what to believe.

        A proxy that writes one kind of headers lets the other pass as the client sent it.
        """
        headers = scope["headers"]
        if "uwsgi" in scope["extensions"] and _is_written_twice(headers):
            return None
        theirs = _x_forwarded(headers) if self._kind != "forwarded" else []
        standard = _forwarded(headers) if self._kind != "x-forwarded" else []
        if theirs and standard and [hop.client for hop in theirs] != [hop.client for hop in standard]:
            return None
        return theirs or standard

    def _choose(self, hops: list[Hop]) -> Hop | None:
        """The hop that names the client: the first whose address is no proxy's, or the last one there is."""
        chosen = None
        for chosen in hops:
            if (chosen.client, 0) not in self._proxies:
                break
        return chosen


def _is_written_twice(headers: Headers) -> bool:
    """Return True if the headers of a uwsgi packet may hold one that the client has smuggled in.

    CGI's names do not tell `X_Forwarded_For`, which a front passes on, from the `X-Forwarded-For` that it writes.
    """
    names = [name for name, _ in headers if name.startswith(b"x-forwarded-")]
    return len(set(names)) < len(names)


def _is_too_long(headers: Headers) -> bool:
    return any(len(value) > LONGEST for name, value in headers if name == b"forwarded")


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """The entries of a list header, the last one first."""
    text = ",".join(value.decode("latin-1") for key, value in headers if key == name)
    return [entry.strip() for entry in reversed(text.rsplit(",", MOST)[-MOST:])] if text else []


def _x_forwarded(headers: list[tuple[bytes, bytes]]) -> list[Hop]:
    """The lists side by side; a list that is shorter says of the others what it said last."""
    lists = [_values(headers, b"x-forwarded-" + name) for name in (b"for", b"proto", b"host", b"port")]
    count = len(lists[0]) or min(1, max(map(len, lists)))
    columns = [(entries + entries[-1:] * count or [""] * count)[:count] for entries in lists]
    return [
        Hop(*_address(client), scheme, host, _port(port)) for client, scheme, host, port in zip(*columns, strict=True)
    ]


def _forwarded(headers: list[tuple[bytes, bytes]]) -> list[Hop]:
    text = ",".join(value.decode("latin-1") for key, value in headers if key == b"forwarded")
    return [_hop(dict(element)) for element in reversed(list(_elements(text))[-MOST:])] if text else []


def _hop(said: dict[str, str]) -> Hop:
    return Hop(*_address(said.get("for", "")), said.get("proto", ""), said.get("host", ""))


def _elements(text: str) -> Iterator[list[tuple[str, str]]]:
    """The elements of a Forwarded list as pairs; what does not parse ends it with an element that says nothing."""
    element: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        if text[position] in ",; \t":
            if text[position] == ",":
                yield element
                element = []
            position += 1
            continue
        found = _PARAMETER.match(text, position)
        if found is None:
            element = []
            break
        element.append((found[1].lower(), _ESCAPED.sub(r"\1", found[2]) if found[3] is None else found[3]))
        position = found.end()
    yield element


def _address(node: str) -> tuple[str, int]:
    """The IP address and the port of an entry; empty and 0 for `unknown`, `_hidden` and the like."""
    host, port = node, ""
    if node.startswith("["):
        host, _, port = node[1:].partition("]")
    elif node.count(":") == 1:
        host, _, port = node.partition(":")
    try:
        return str(ipaddress.ip_address(host)), _port(port.removeprefix(":"))
    except ValueError:
        return "", 0


def _port(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536 else 0


def _apply(scope: Scope, hop: Hop | None) -> None:
    if hop is None:
        return
    if hop.client:
        scope["client"] = (hop.client, hop.client_port)
    scope["scheme"] = _SCHEMES[scope["type"]].get(hop.scheme.lower(), scope["scheme"])
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    told = hop.host.encode("latin-1", "replace")
    if told and not told.startswith(b":") and is_host(told):
        host = told
    if hop.port:
        scope["server"] = ((scope["server"] or ("",))[0], hop.port)
        if host and b":" not in host.rpartition(b"]")[2] and hop.port != _PORTS[scope["scheme"]]:
            host += b":%d" % hop.port
    if told or hop.port:
        scope["headers"] = [(b"host", host), *(pair for pair in scope["headers"] if pair[0] != b"host")]
