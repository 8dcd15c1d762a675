"""The protocols that a socket speaks: `trio-protocols`, for all sockets or for one.

trio-protocols = http/1.1 websocket
trio-protocols = 0.0.0.0:8443 = h2 websocket
"""

from typing import NamedTuple

HTTP1, HTTP2, HTTP2_CLEAR, WEBSOCKET, UWSGI = PROTOCOLS = ("http/1.1", "h2", "h2c", "websocket", "uwsgi")
EVERYTHING = frozenset(PROTOCOLS)


class Spoken(NamedTuple):
    """The protocols of one socket, or (`address` is empty) of those that are not named."""

    address: str
    protocols: frozenset[str]


def parse_protocols(line: str) -> Spoken:
    """Read one line of the option.

    Raises:
        ValueError: it has a word that is none of PROTOCOLS, or none that a client could begin with.
    """
    address, _, listed = line.rpartition("=")
    protocols = frozenset(listed.replace(",", " ").lower().split())
    if not protocols - {WEBSOCKET} or not protocols <= EVERYTHING:
        raise ValueError(line)
    return Spoken(address.strip(), protocols)
