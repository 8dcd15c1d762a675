"""The protocols that each socket speaks (`trio-protocols`)."""

from collections.abc import Iterable

from trio_worker.options.protocols import EVERYTHING, HTTP1, HTTP2, Spoken
from trio_worker.transport.by_address import ByAddress, resolved
from trio_worker.transport.wire import Address


class Sockets:
    """The protocols of each socket.

    Args:
        lines: of the option; a later one for the same socket holds.
    """

    def __init__(self, lines: Iterable[Spoken]) -> None:
        by_address: dict[str, frozenset[str]] = {}
        for address, protocols in lines:
            by_address.update(dict.fromkeys(resolved(address), protocols))
        self._others = by_address.pop("", EVERYTHING)
        self._by_address = ByAddress(by_address)

    def find(self, server: Address | None) -> frozenset[str]:
        """Return the protocols of the socket with this address of ours."""
        found = self._by_address.find(server)
        return self._others if found is None else found

    def of_ini(self, address: str) -> frozenset[str]:
        """Return the protocols of the socket that the ini gives this address."""
        found = self._by_address.values
        return next((found[each] for each in resolved(address) if each in found), self._others)


def alpn(protocols: frozenset[str]) -> tuple[str, ...]:
    """Return the protocols that TLS offers a client to choose from, the preferred one first (RFC 7301)."""
    return tuple(each for each in (HTTP2, HTTP1) if each in protocols)
