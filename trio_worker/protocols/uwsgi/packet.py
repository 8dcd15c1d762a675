"""The uwsgi packet, read (https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html).

    modifier1 (1 byte)  size of the block (2, little endian)  modifier2 (1)  the block
    and in the block, again and again:  size (2)  name  size (2)  value

The variables are CGI's (RFC 3875), so a header comes as HTTP_NAME, and the body follows the block without any framing
of its own. Nothing here does I/O.
"""

from collections.abc import Mapping

from trio_worker.asgi import Headers
from trio_worker.http.app_rules import TOKEN
from trio_worker.memory import Memory
from trio_worker.refusal import Refusal

HEADER_SIZE = 4

# modifier1 of a request for Python code, which is every request here, and of a ping.
REQUEST = 0
PING = 100

PING_HEADER = bytes([PING, 0, 0, 0])

# The answer of uWSGI's ping plugin: modifier2 1 says that the node is well, a block would be a warning.
PONG = bytes([PING, 0, 0, 1])

# The variables that say what is asked for, of which CONTENT_TYPE and CONTENT_LENGTH are headers of HTTP.
ASKED = frozenset(b"QUERY_STRING REQUEST_METHOD CONTENT_TYPE CONTENT_LENGTH REQUEST_URI PATH_INFO".split())

# CGI has variables of their own for the first two; the third says how a body came to the front, not how it comes to us.
NO_HEADERS = frozenset({b"HTTP_CONTENT_TYPE", b"HTTP_CONTENT_LENGTH", b"HTTP_TRANSFER_ENCODING"})

# As headers they would contradict those variables.
_BODYS_OWN = (b"content-type", b"content-length", b"transfer-encoding")

# The variables that say where the body ends, each of which comes once.
_FRAMING = {
    b"CONTENT_LENGTH": Refusal(400, "it says twice how long its body is (RFC 9110 section 8.6)"),
    b"HTTP_TRANSFER_ENCODING": Refusal(501, "chunked is the only Transfer-Encoding known here"),
}

# Variables that have places of their own in a request; the others are the front's operator's.
_PLACED = ASKED | NO_HEADERS
_PLACED |= frozenset(
    b"SCRIPT_NAME SERVER_PROTOCOL REMOTE_ADDR REMOTE_PORT SERVER_NAME SERVER_PORT HTTPS REQUEST_SCHEME".split()
)

# RFC 9110 section 5.5: no control characters but tabs.
_TEXT = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])

# Names that were met: a header's, empty for a variable that has a place, text for another.
known_names: Memory[bytes, bytes | str] = Memory(count=2048, size=256, always=dict.fromkeys(_PLACED, b""))

Variables = dict[bytes, bytes]

# The headers, all other variables, and the text of those that have no place in a request: UWSGI_* and the like.
Block = tuple[Headers, Variables, dict[str, str]]

try:
    from trio_worker.protocols._packets import read_block
except ImportError:

    def read_block(block: bytes, known: Mapping[bytes, bytes | str], /) -> Block | None:
        """Leave every block to the Python code below, where the C code could not be compiled."""
        return None


class PacketError(ValueError):
    """A packet is malformed; the message says how."""


class RequestError(ValueError):
    """A packet is well-formed, the request in it is not.

    Args:
        refusal: what its client is told.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def split_packet(data: bytes, limit: int) -> tuple[bytes, bytes, bytes] | None:
    """Return the header of a packet, its block, and what comes behind it; None while that is not complete.

    Args:
        data: what has come.
        limit: of the block, in bytes.

    Raises:
        PacketError: it is neither a request nor a ping, or too large.
    """
    if len(data) < HEADER_SIZE:
        return None
    size = data[1] | data[2] << 8
    if data[0] not in (REQUEST, PING):
        raise PacketError(f"modifier1 {data[0]} is not served here, but {REQUEST} (requests) and {PING} (ping)")
    if size > limit:
        raise PacketError(f"its block has {size} bytes, buffer-size allows {limit}")
    end = HEADER_SIZE + size
    return (data[:HEADER_SIZE], data[HEADER_SIZE:end], data[end:]) if len(data) >= end else None


def parse_block(block: bytes) -> Block:
    """Return the HTTP_* variables as headers, with lower-case names and in order, and the other variables.

    Args:
        block: of a packet.

    Raises:
        PacketError: the sizes do not add up, or a name is empty.
        RequestError: the name of a header is none, its value has a control character in it, or there is a second
            Content-Length: uWSGI's http router passes them on as its client sent them.
    """
    return read_block(block, known_names) or learn_block(block)


def learn_block(block: bytes) -> Block:
    """Do the same in Python, and learn the names that are not known yet. Raises like `parse_block`."""
    headers: Headers = []
    variables: Variables = {}
    others: dict[str, str] = {}
    position, end = 0, len(block)
    while position < end:
        name, position = _take(block, position)
        value, position = _take(block, position)
        known = known_names.get(name)
        if known is None:
            known = _learn(name)
        if known and isinstance(known, bytes):
            headers.append((known, value))
            continue
        if name in _FRAMING and name in variables:
            raise RequestError(_FRAMING[name])
        variables[name] = value  # Another one is the operator's, who says something else than the file before did.
        if isinstance(known, str):
            others[known] = _text(value)
    check_values(headers)
    return headers, variables, others


def _take(block: bytes, position: int) -> tuple[bytes, int]:
    """Return the name or the value at this position, and where it ends."""
    start = position + 2
    end = start + int.from_bytes(block[position:start], "little")
    if max(start, end) > len(block):
        raise PacketError("a variable is longer than the packet")
    return block[start:end], end


def _learn(name: bytes) -> bytes | str:
    """Return what is to be known of a variable; see `_known`."""
    if not name:
        raise PacketError("a variable has no name")
    if not name.startswith(b"HTTP_"):
        return known_names.keep(name, _text(name), len(name))
    header = name[5:].lower().replace(b"_", b"-")
    if not header or header.translate(None, TOKEN):
        raise RequestError(Refusal(400, "a header's name is no token (RFC 9110 section 5.1)"))
    if header in _BODYS_OWN:
        header = b""  # From a front that leaves names as clients write them.
    return known_names.keep(name, header, len(name))


def check_values(headers: Headers) -> None:
    """Refuse a control character in a header.

    Raises:
        RequestError: there is one.
    """
    if b"".join([value for _, value in headers]).translate(None, _TEXT):
        raise RequestError(Refusal(400, "a header's value has a control character in it (RFC 9110 section 5.5)"))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
