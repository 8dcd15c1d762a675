"""The request in a uwsgi packet: what is asked for, and by whom.

Clients ask for the same things, and each says the same of itself with everything that it asks for: both parts of a
packet are remembered by their bytes, and the same bytes mean the same.
"""

from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from trio_worker.asgi import Headers
from trio_worker.memory import Memory
from trio_worker.protocols.uwsgi.asked import Asked
from trio_worker.protocols.uwsgi.packet import ASKED, parse_block
from trio_worker.protocols.uwsgi.sender import Sender

# Parts of packets that are remembered, and the bytes of the largest.
COUNT = 512
SIZE = 2048


class PacketRequest(NamedTuple):
    """The request in a packet.

    Attributes:
        asked: what is asked for.
        sender: who asks.
        headers: all of them, names in lower case.
    """

    asked: Asked
    sender: Sender
    headers: Headers

    @property
    def wants_websocket(self) -> bool:
        """Return True for the request of a WebSocket (RFC 6455 section 4.1), behind which the connection is raw."""
        return self.sender.upgrades and self.asked.method == "GET"

    def replay(self) -> bytes:
        """The head of this request as a client would have sent it, for an HTTP/1.1 parser."""
        asked = self.asked
        target = asked.target
        if unquote_to_bytes(asked.raw_path).decode("utf-8", "replace") != asked.path:
            # The front has rewritten the path.
            target = quote_from_bytes(asked.path.encode()).encode() + (b"?" + asked.query if asked.query else b"")
        lines = [b"%b %b HTTP/1.1" % (asked.method.encode(), target)]
        lines += [b"%b: %b" % header for header in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


class Reader:
    """Reads the requests of packets, and remembers what their parts mean."""

    def __init__(self) -> None:
        self._asked: Memory[bytes, Asked] = Memory(COUNT, SIZE)
        self._senders: Memory[bytes, Sender] = Memory(COUNT, SIZE)
        # The variable that the senders of the last front begin with.
        self._first = b""

    def read(self, block: bytes) -> PacketRequest:
        """The request in the block of a packet with modifier1 0.

        Raises:
            PacketError: the packet is malformed or has no request in it.
            RequestError: the request is not valid.
        """
        end = block.find(self._first)
        # Wherever that is: what is remembered of both parts holds for the whole.
        sender, asked = self._senders.get(block[end:]), self._asked.get(block[:end])
        if sender is None or asked is None or not sender.only_asks:
            sender, asked = self._parse(block)
        return PacketRequest(asked, sender, [*sender.headers, *asked.headers])

    def _parse(self, block: bytes) -> tuple[Sender, Asked]:
        _, variables, end = parse_block(block, ASKED)
        rest = block[end:]
        sender = self._senders.get(rest)
        if sender is None:
            sender = self._senders.keep(rest, Sender(rest), len(rest))
        if sender.variables:
            variables |= sender.variables
        asked = Asked(variables, sender.root_path)
        if sender.only_asks:
            self._asked.keep(block[:end], asked, end)
        self._first = rest[: 2 + rest[0]] if rest else b""
        return sender, asked
