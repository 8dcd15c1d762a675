"""Values of options for single sockets, by their addresses as the ini has them."""

import socket
from collections.abc import Mapping
from typing import Generic, TypeVar

from trio_worker.transport.wire import Address

T = TypeVar("T")

# Addresses that stand for every address of the host.
_ANY_HOST = ("", "0.0.0.0", "*", "[::]")


class ByAddress(Generic[T]):
    """Values by the addresses of sockets.

    Args:
        values: by addresses of the ini.

    Attributes:
        values: the same.
    """

    def __init__(self, values: Mapping[str, T]) -> None:
        self.values = values

    def __bool__(self) -> bool:
        return bool(self.values)

    def find(self, server: Address | None) -> T | None:
        """Return the value for a connection to this address of ours."""
        if not self.values or server is None:
            return None
        host, port = server
        if port is None:
            return self.values.get(host)
        name = f"[{host}]" if ":" in host else host
        found = self.values.get(f"{name}:{port}")
        if found is None:
            wildcards = (f"{any_host}:{port}" for any_host in _ANY_HOST)
            found = next((self.values[each] for each in wildcards if each in self.values), None)
        return found


def resolved(address: str) -> set[str]:
    """Return an address of the ini as the kernel names it: an empty host is every one, and a name has its numbers."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return {address}
    try:
        found = socket.getaddrinfo(host.strip("[]") or "0.0.0.0", number := int(port), type=socket.SOCK_STREAM)
    except (OSError, OverflowError):
        return {address}
    return {f"[{at[0]!s}]:{number}" if family == socket.AF_INET6 else f"{at[0]!s}:{number}" for family, *_, at in found}
