"""Trusted peers: networks whose members may speak for somebody else.

A uwsgi packet, a PROXY header and a forwarded header all name a client's address that the peer itself chose. Each is
believed only from the addresses of an option; a peer on a UNIX socket has none, and stands in a list as `unix`.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The word for peers on UNIX sockets in a list.
UNIX = "unix"

# Peers whose answer is remembered: fronts are few, and any other peer is asked about once or twice.
_REMEMBERED = 1024


class Peers:
    """A set of peers.

    Args:
        networks: of IP addresses.
        unix: whether peers on UNIX sockets belong to it.
    """

    def __init__(self, networks: Iterable[Network] = (), unix: bool = False) -> None:
        self.networks = tuple(networks)
        self.unix = unix
        self._is_in_network = lru_cache(_REMEMBERED)(self._look_up)

    def __bool__(self) -> bool:
        return bool(self.networks) or self.unix

    def __contains__(self, peer: object) -> bool:
        """Return True if a peer, as an ASGI `client` or None for one on a UNIX socket, belongs to the set."""
        if peer is None:
            return self.unix
        return isinstance(peer, tuple | list) and self._is_in_network(str(peer[0]))

    def _look_up(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            # A dual-stack socket shows IPv4 peers in this form (RFC 4291 section 2.5.5.2).
            address = address.ipv4_mapped or address
        return any(address in network for network in self.networks)


def parse_peers(text: str) -> Peers:
    """Read a list of addresses and networks, and the word `unix`, separated by commas or blanks.

    Raises:
        ValueError: something else stands there.
    """
    words = [word for word in re.split(r"[,\s]+", text) if word]
    return Peers((ipaddress.ip_network(word) for word in words if word != UNIX), UNIX in words)


NOBODY = Peers()

LOOPBACK = parse_peers("127.0.0.0/8, ::1, unix")
