"""The socket of the ini that `trio-status` names, among those that uWSGI has bound."""

import os
import socket
from collections.abc import Sequence

from trio_worker.options.values import OptionError
from trio_worker.serving.listeners import is_socket
from trio_worker.transport.wire import unix_path


def split(descriptors: Sequence[int], address: str) -> tuple[list[int], list[int]]:
    """Return the sockets of the app and the one of the status.

    Args:
        descriptors: `uwsgi.sockets`.
        address: as in the ini, "" for no status.

    Raises:
        OptionError: no socket has that address.
    """
    if not address:
        return list(descriptors), []
    names = {each: _name(each) for each in filter(is_socket, descriptors)}
    wanted = _resolved(address)
    found = [each for each, name in names.items() if name in wanted][:1]
    if not found:
        raise OptionError("trio-status", address, f"a socket of the ini: {', '.join(names.values()) or 'it has none'}")
    return [each for each in descriptors if each not in found], found


def _name(descriptor: int) -> str:
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        name = opened.getsockname()
        if opened.family == socket.AF_UNIX:
            return unix_path(name)
        return f"[{name[0]}]:{name[1]}" if opened.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def _resolved(address: str) -> set[str]:
    """Return an address of the ini as the kernel names it: an empty host is every one, and a name has its numbers."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return {address}
    try:
        found = socket.getaddrinfo(host.strip("[]") or "0.0.0.0", int(port), type=socket.SOCK_STREAM)
    except OSError:
        return {address}
    return {f"[{at[0]!s}]:{port}" if family == socket.AF_INET6 else f"{at[0]!s}:{port}" for family, *_, at in found}
