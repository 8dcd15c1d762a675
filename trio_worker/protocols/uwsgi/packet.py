"""The uwsgi packet, read (https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html).

    modifier1 (1 byte)  size of the block (2, little endian)  modifier2 (1)  the block
    and in the block, again and again:  size (2)  name  size (2)  value

The variables are CGI's (RFC 3875), so a header comes as HTTP_NAME, and the body follows the block without any framing
of its own. Nothing here does I/O.
"""

from typing import NamedTuple

from trio_worker.asgi import Headers
from trio_worker.http.response_head import TOKEN
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

# Names that were met, as headers; empty for variables that are none.
_known = Memory(count=2048, size=256, always=dict.fromkeys(ASKED | NO_HEADERS, b""))

Variables = dict[bytes, bytes]

try:
    from trio_worker.protocols._speedups import read_block
except ImportError:

    def read_block(block: bytes, known: dict[bytes, bytes], /) -> tuple[Headers, Variables] | None:
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


class PacketHeader(NamedTuple):
    """The first four bytes; `size` is the block's, in bytes."""

    modifier1: int
    size: int
    modifier2: int


def parse_header(data: bytes) -> PacketHeader:
    """Read the header from the first bytes of a packet, at least HEADER_SIZE of them."""
    return PacketHeader(data[0], data[1] | data[2] << 8, data[3])


def parse_block(block: bytes) -> tuple[Headers, Variables]:
    """Return the HTTP_* variables as headers, with lower-case names and in order, and all the others.

    Args:
        block: of a packet.

    Raises:
        PacketError: the sizes do not add up, or a name is empty or no header's.
    """
    return read_block(block, _known) or learn_block(block)


def learn_block(block: bytes) -> tuple[Headers, Variables]:
    """Do the same in Python, and learn the names that are not known yet. Raises like `parse_block`."""
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
    if (name.startswith(b"HTTP_") and not header) or header.translate(None, TOKEN):
        raise PacketError(f"{name!r} is not the name of a header")
    if header in _BODYS_OWN:
        header = b""  # From a front that leaves names as clients write them.
    return _known.keep(name, header, len(name))
