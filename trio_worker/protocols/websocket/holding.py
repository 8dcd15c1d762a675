"""A bound for what the sessions of one connection keep of messages: on their way, or until their apps take them.

Each session may keep a message as large as `websockets-max-size` allows, and HTTP/2 brings a hundred sessions on one
connection. So together they have room for two such messages, or for 4 MiB where that is more. Beyond that a session has
an equal share of it, and one that wants more ends: those who keep little do not notice who keeps much, also where a
front has put the sessions of many people on one connection.
"""

from collections.abc import Hashable

# Messages of the largest size for which a connection has room, and bytes in any case; and bytes of a session that are
# not counted: small messages that are read ahead of their app, and what comes in one read.
MESSAGES, LEAST, FREE = 2, 1 << 22, 196608


class Holding:
    """The account of a connection.

    Args:
        max_size: bytes that a message may have.
    """

    __slots__ = ("_bound", "_kept", "_total")

    def __init__(self, max_size: int) -> None:
        self._bound = max(LEAST, MESSAGES * max_size)
        self._kept: dict[Hashable, int] = {}
        self._total = 0

    def keep(self, session: Hashable, size: int) -> bool:
        """Take note of how much a session keeps; return False when that is too much."""
        if size <= FREE:
            self.leave(session)
            return True
        self._total += size - self._kept.get(session, 0)
        self._kept[session] = size
        return self._total <= self._bound or size * len(self._kept) <= self._bound

    def leave(self, session: Hashable) -> None:
        """Take note that a session keeps nothing that counts."""
        if self._kept:
            self._total -= self._kept.pop(session, 0)
