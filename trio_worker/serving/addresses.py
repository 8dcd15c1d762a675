"""The inherited sockets by the addresses that options have for them."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from trio_worker.options import Options
from trio_worker.options.raw import RawOptions, repeated
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
    names = _names(descriptors)
    wanted = resolved(address)
    found = next((each for each, name in names.items() if name in wanted), None)
    if found is None:
        raise _unknown(names, key, address)
    return found


def with_found(options: Options, descriptors: Sequence[int], raw: RawOptions) -> Options:
    """Return the options with each socket of `https-socket` named as the kernel names it.

    uWSGI takes many spellings for one socket. One that was not found would speak clear text.

    Args:
        options: of the ini.
        descriptors: `uwsgi.sockets`.
        raw: the whole ini: a shared socket is meant by its number.

    Raises:
        OptionError: no socket has that address.
    """
    names = _names(descriptors)
    return replace(options, https_sockets=tuple(_found(each, names, raw) for each in options.https_sockets))


def _found(value: str, names: Mapping[int, str], raw: RawOptions) -> str:
    address, comma, rest = value.partition(",")
    meant = list(_meant(address.strip(), names, raw))
    if not meant:
        raise _unknown(names, "https-socket", address)
    return meant[0] + comma + rest


def _meant(address: str, names: Mapping[int, str], raw: RawOptions) -> Iterator[str]:
    """Yield the sockets that uWSGI may have made of an address (uwsgi_new_socket and generate_socket_name)."""
    if address.startswith("="):
        shared = [each for key in ("shared-socket", "undeferred-shared-socket") for each in repeated(raw, key)]
        number = int(address[1:]) if address[1:].isdecimal() else len(shared)
        address = shared[number] if number < len(shared) else address
    wanted = resolved(address)
    for descriptor, name in names.items():
        if name in wanted or address == f"fd://{descriptor}" or ("*" in address and fnmatchcase(name, address)):
            yield name


def _names(descriptors: Sequence[int]) -> dict[int, str]:
    return {each: _name(each) for each in filter(is_socket, descriptors)}


def _unknown(names: Mapping[int, str], key: str, address: str) -> OptionError:
    return OptionError(key, address, f"a socket of the ini: {', '.join(names.values()) or 'it has none'}")


def _name(descriptor: int) -> str:
    opened = socket.socket(fileno=descriptor)
    try:
        name = opened.getsockname()
        if opened.family == socket.AF_UNIX:
            return unix_path(name)
        return f"[{name[0]}]:{name[1]}" if opened.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"
    finally:
        opened.detach()  # To close a duplicate would drop the lock by which siblings know of this start.
