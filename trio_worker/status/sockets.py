"""The socket of the ini that `trio-status` names, among those that uWSGI has bound."""

from collections.abc import Sequence

from trio_worker.serving.addresses import find


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
    found = find(descriptors, "trio-status", address)
    return [each for each in descriptors if each != found], [found]
