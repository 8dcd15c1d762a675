"""The half of a packet that says who asks: all beside what is asked for.

A front says the same of a client with every request on the client's connection.
"""

from trio_worker.protocols.uwsgi.packet import ASKED, NO_HEADERS, Variables, check_values, parse_block

_VERSIONS = {b"HTTP/1.0": "1.0", b"HTTP/2.0": "2", b"HTTP/2": "2", b"HTTP/3.0": "3", b"HTTP/3": "3"}

# How a body came to the front: with ASKED, what a request is made of.
_FRAMED = frozenset({b"HTTP_TRANSFER_ENCODING", b"UWSGI_ROUTER"})

# Variables that the scope has places for; the others are kept in its extensions.
_PLACED = frozenset(
    b"SCRIPT_NAME SERVER_PROTOCOL REMOTE_ADDR REMOTE_PORT SERVER_NAME SERVER_PORT HTTPS REQUEST_SCHEME".split()
)


class Sender:
    """The client of a front, and the front, as the front describes them.

    Args:
        rest: of the block of a packet, behind the variables of ASKED.

    Attributes:
        headers: names in lower case, without those of the body.
        variables: those of ASKED, where the front has them here, and those that say how a body is framed.
        version: of HTTP, as ASGI writes it.
        root_path: where the front has mounted the app (SCRIPT_NAME).
        client: the client's address; None where the client came over a UNIX socket.
        server: where the front was reached, None where it does not say.
        scheme: by UWSGI_SCHEME, HTTPS, and the REQUEST_SCHEME of nginx's uwsgi_params, in this order.
        others: the variables that have no place in an ASGI scope: UWSGI_*, and what the front's operator adds.
        only_asks: whether nothing of the above changes the meaning of what is asked for.
        upgrades: whether it asks for a WebSocket (RFC 6455 section 4.1); the connection is raw behind the packet then.

    Raises:
        PacketError: the packet is malformed.
        RequestError: a header is not valid.
    """

    __slots__ = (
        "client",
        "headers",
        "only_asks",
        "others",
        "root_path",
        "scheme",
        "server",
        "upgrades",
        "variables",
        "version",
    )

    def __init__(self, rest: bytes) -> None:
        self.headers, variables, _ = parse_block(rest)
        check_values(value for _, value in self.headers)
        self.variables = {name: variables[name] for name in variables.keys() & (ASKED | _FRAMED)}
        self.version = _VERSIONS.get(variables.get(b"SERVER_PROTOCOL", b""), "1.1")
        self.root_path = variables.get(b"SCRIPT_NAME", b"").rstrip(b"/")
        self.only_asks = not (self.variables or self.root_path)
        self.client = _client(variables)
        self.server = _server(variables)
        self.scheme = _scheme(variables)
        self.others = {_text(name): _text(variables[name]) for name in variables.keys() - _PLACED - ASKED - NO_HEADERS}
        self.upgrades = any(name == b"upgrade" and value.lower() == b"websocket" for name, value in self.headers)


def _client(variables: Variables) -> tuple[str, int] | None:
    host = variables.get(b"REMOTE_ADDR", b"").decode("latin-1")
    if not host or host.startswith("unix:"):
        return None
    return host, _port(variables.get(b"REMOTE_PORT", b"")) or 0


def _server(variables: Variables) -> tuple[str, int | None] | None:
    name = variables.get(b"SERVER_NAME")
    return (name.decode("latin-1"), _port(variables.get(b"SERVER_PORT", b""))) if name else None


def _scheme(variables: Variables) -> str:
    scheme = variables.get(b"UWSGI_SCHEME") or variables.get(b"REQUEST_SCHEME", b"")
    if b"UWSGI_SCHEME" not in variables and variables.get(b"HTTPS", b"").lower() in (b"on", b"1"):
        scheme = b"https"
    return "https" if scheme.lower() == b"https" else "http"


def _port(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < 6 else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
