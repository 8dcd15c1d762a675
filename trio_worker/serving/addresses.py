"""The inherited sockets by the addresses that options have for them."""

import os
import socket
from collections.abc import Sequence

from trio_worker.options.values import OptionError
from trio_worker.serving.listeners import is_socket
from trio_worker.transport.by_address import resolved
from trio_worker.transport.wire import unix_path


def find(descriptors: Sequence[int], key: str, address: str) -> int:
    """Return the first socket that an option means.

    Args:
        descriptors: `uwsgi.sockets`.
        key: the option.
        address: as in the ini.

    Raises:
        OptionError: no socket has that address.
    """
    names = {each: _name(each) for each in filter(is_socket, descriptors)}
    wanted = resolved(address)
    found = next((each for each, name in names.items() if name in wanted), None)
    if found is None:
        raise OptionError(key, address, f"a socket of the ini: {', '.join(names.values()) or 'it has none'}")
    return found


def _name(descriptor: int) -> str:
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        name = opened.getsockname()
        if opened.family == socket.AF_UNIX:
            return unix_path(name)
        return f"[{name[0]}]:{name[1]}" if opened.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"
