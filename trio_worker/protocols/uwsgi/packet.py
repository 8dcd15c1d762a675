"""The uwsgi packet, read (https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html).

    modifier1 (1 byte)  size of the block (2, little endian)  modifier2 (1)  the block
    and in the block, again and again:  size (2)  name  size (2)  value

The variables are CGI's (RFC 3875), so a header comes as HTTP_NAME, and the body follows the block without any framing
of its own. Nothing here does I/O.
"""

from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from trio_worker.exchange import Headers

HEADER_SIZE = 4

# modifier1 of a request for Python code, which is every request here, and of a ping.
REQUEST = 0
PING = 100

PING_HEADER = bytes([PING, 0, 0, 0])

# What uWSGI's ping plugin answers: modifier2 1 says that the node is well, a block would be a warning.
PONG = bytes([PING, 0, 0, 1])

_VERSIONS = {b"HTTP/1.0": "1.0", b"HTTP/2.0": "2", b"HTTP/2": "2", b"HTTP/3.0": "3", b"HTTP/3": "3"}

# RFC 9110 section 5.6.2: what a method and a header's name may consist of.
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

# CGI has variables of their own for these two; the third says how a body came to the front, not how it comes to us.
_NO_HEADERS = frozenset({b"HTTP_CONTENT_TYPE", b"HTTP_CONTENT_LENGTH", b"HTTP_TRANSFER_ENCODING"})

# Variables that the scope has places for; the others are kept in its extensions.
_PLACED = _NO_HEADERS | frozenset(
    b"REQUEST_METHOD REQUEST_URI PATH_INFO SCRIPT_NAME QUERY_STRING SERVER_PROTOCOL CONTENT_TYPE CONTENT_LENGTH"
    b" REMOTE_ADDR REMOTE_PORT SERVER_NAME SERVER_PORT HTTPS REQUEST_SCHEME".split()
)

# Names that were met, as headers; empty for variables that are none. Clients choose names, so there is an end to it.
_KNOWN_LIMIT = 2048
_known: dict[bytes, bytes] = dict.fromkeys(_PLACED, b"")

# Digits of the largest number of bytes that any file or stream here can have (2**63).
_LONGEST_NUMBER = 19

Variables = dict[bytes, bytes]


class PacketError(ValueError):
    """A packet is malformed; the message says how."""


class RequestError(ValueError):
    """A packet is well-formed, the request in it is not; the message says why."""


class PacketHeader(NamedTuple):
    """The first four bytes; `size` is the block's, in bytes."""

    modifier1: int
    size: int
    modifier2: int


def parse_header(data: bytes) -> PacketHeader:
    """Read the header from the first bytes of a packet, at least HEADER_SIZE of them."""
    return PacketHeader(data[0], data[1] | data[2] << 8, data[3])


def parse_block(block: bytes) -> tuple[Headers, Variables]:
    """The HTTP_* variables as headers, with lower-case names and in order, and all the others.

    Raises:
        PacketError: the sizes do not add up, or a name is empty or no header's.
    """
    headers: Headers = []
    variables: Variables = {}
    position, end, find = 0, len(block), _known.get
    try:
        while position < end:
            size = block[position]
            if block[position + 1]:  # Hardly ever.
                size |= block[position + 1] << 8
            start = position + 2
            position = start + size
            name = block[start:position]
            size = block[position]
            if block[position + 1]:
                size |= block[position + 1] << 8
            start = position + 2
            position = start + size
            header = find(name)
            if header is None:
                header = _learn(name)
            if header:
                headers.append((header, block[start:position]))
            else:
                variables[name] = block[start:position]
    except IndexError:
        position = end + 1
    if position != end:
        raise PacketError("a variable is longer than the packet")
    return headers, variables


def _learn(name: bytes) -> bytes:
    """The name of the header that this variable stands for, empty for none."""
    if not name:
        raise PacketError("a variable has no name")
    header = name[5:].lower().replace(b"_", b"-") if name.startswith(b"HTTP_") else b""
    if (name.startswith(b"HTTP_") and not header) or header.translate(None, _TOKEN):
        raise PacketError(f"{name!r} is not the name of a header")
    if len(_known) < _KNOWN_LIMIT:
        _known[name] = header
    return header


class PacketRequest:
    """The request in a packet.

    Args:
        block: of a packet with modifier1 0.

    Attributes:
        method, version: of the request; the version as ASGI writes it.
        target: as it came from the client.
        raw_path: the target's path, percent-encoded.
        path: decoded, with `root_path` at its beginning.
        root_path: where the front has mounted the app (SCRIPT_NAME).
        query: percent-encoded.
        headers: names in lower case.
        variables: everything but the headers.
        length: of the body in bytes; None where it comes in chunks, in the raw mode of uWSGI's http router.

    Raises:
        PacketError: the packet is malformed or has no request in it.
        RequestError: the request is not valid.
    """

    __slots__ = (
        "headers",
        "length",
        "method",
        "path",
        "query",
        "raw_path",
        "root_path",
        "target",
        "variables",
        "version",
    )

    def __init__(self, block: bytes) -> None:
        self.headers, self.variables = headers, variables = parse_block(block)
        if b"REQUEST_METHOD" not in variables:
            raise PacketError("it has no REQUEST_METHOD")
        self.method = _method(variables[b"REQUEST_METHOD"])
        self.version = _VERSIONS.get(variables.get(b"SERVER_PROTOCOL", b""), "1.1")
        self._place(variables)
        if content_type := variables.get(b"CONTENT_TYPE"):
            headers.append((b"content-type", content_type))
        _check_values(headers, self.target, self.query)
        self.length = _length(variables, headers)

    def _place(self, variables: Variables) -> None:
        """Find the path and the query; who sends no REQUEST_URI gets one made."""
        target = variables.get(b"REQUEST_URI", b"")
        raw_path, _, query = target.partition(b"?")
        if not raw_path.startswith(b"/") and b"://" in raw_path:
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        asked = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
        path = variables.get(b"PATH_INFO", asked)
        root_path = variables.get(b"SCRIPT_NAME", b"").rstrip(b"/")
        # CGI's PATH_INFO begins behind SCRIPT_NAME; nginx's usual $document_uri is the whole path, as ASGI's is.
        if root_path and (asked == root_path + path or not _is_below(path, root_path)):
            path = root_path + path
        path = path or b"/"
        self.query = variables.get(b"QUERY_STRING", query)
        self.raw_path = raw_path or quote_from_bytes(path).encode()
        self.target = target or (self.raw_path + b"?" + self.query if self.query else self.raw_path)
        self.path = path.decode("utf-8", "replace")
        self.root_path = root_path.decode("utf-8", "replace")

    @property
    def client(self) -> tuple[str, int] | None:
        """The client's address as the front has it; None where the client came over a UNIX socket."""
        host = self.variables.get(b"REMOTE_ADDR", b"").decode("latin-1")
        if not host or host.startswith("unix:"):
            return None
        return host, _port(self.variables.get(b"REMOTE_PORT", b"")) or 0

    @property
    def server(self) -> tuple[str, int | None] | None:
        """Where the front was reached, None where it does not say."""
        name = self.variables.get(b"SERVER_NAME")
        return (name.decode("latin-1"), _port(self.variables.get(b"SERVER_PORT", b""))) if name else None

    @property
    def scheme(self) -> str:
        """By UWSGI_SCHEME, HTTPS, and the REQUEST_SCHEME of nginx's uwsgi_params, in this order."""
        variables = self.variables
        scheme = variables.get(b"UWSGI_SCHEME") or variables.get(b"REQUEST_SCHEME", b"")
        if b"UWSGI_SCHEME" not in variables and variables.get(b"HTTPS", b"").lower() in (b"on", b"1"):
            scheme = b"https"
        return "https" if scheme.lower() == b"https" else "http"

    @property
    def others(self) -> dict[str, str]:
        """The variables that have no place in an ASGI scope: UWSGI_*, and what the front's operator adds."""
        variables = self.variables
        return {
            name.decode("utf-8", "surrogateescape"): variables[name].decode("utf-8", "surrogateescape")
            for name in variables.keys() - _PLACED
        }

    @property
    def wants_websocket(self) -> bool:
        """Whether it asks for a WebSocket (RFC 6455 section 4.1); the connection is raw behind the packet then."""
        return self.method == "GET" and any(
            name == b"upgrade" and value.lower() == b"websocket" for name, value in self.headers
        )

    def replay(self) -> bytes:
        """The head of this request as a client would have sent it, for an HTTP/1.1 parser."""
        target = self.target
        if unquote_to_bytes(self.raw_path).decode("utf-8", "replace") != self.path:
            # The front has rewritten the path.
            target = quote_from_bytes(self.path.encode()).encode() + (b"?" + self.query if self.query else b"")
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), target)]
        lines += [b"%b: %b" % header for header in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def _method(value: bytes) -> str:
    if not value or value.translate(None, _TOKEN):
        raise RequestError(f"{value!r} is no method")
    return value.decode()


def _is_below(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")


def _check_values(headers: Headers, target: bytes, query: bytes) -> None:
    """uWSGI's http router passes on what the client sent, folded lines and NULs included."""
    values = b"".join([target, query, *[value for _, value in headers]])
    if b"\r" in values or b"\n" in values or b"\0" in values:
        raise RequestError("a header's value or the target has a line break or a NUL in it")
    if b" " in target or b" " in query:
        raise RequestError("the target has a space in it")


def _length(variables: Variables, headers: Headers) -> int | None:
    """How long the body is (RFC 3875 section 4.1.2), None where it comes in chunks."""
    length = variables.get(b"CONTENT_LENGTH", b"")
    coding = variables.get(b"HTTP_TRANSFER_ENCODING", b"").lower()
    if length and coding and b"UWSGI_ROUTER" in variables:
        # nginx has decoded the chunks and counted; uWSGI's router has done neither (RFC 9112 section 6.3).
        raise RequestError("it has a Content-Length and a Transfer-Encoding")
    if not length and coding:
        if coding != b"chunked":
            raise RequestError("chunked is the only Transfer-Encoding known here")
        headers.append((b"transfer-encoding", coding))
        return None
    if not length:
        return 0
    if not length.isdigit() or len(length) > _LONGEST_NUMBER:
        raise RequestError(f"a Content-Length is a number of bytes, not {length!r}")
    headers.append((b"content-length", length))
    return int(length)


def _port(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < 6 else None
