"""The one rule for what a host is, with a port or without: in a Host header, a target, and a front's word for them."""

import re

from trio_worker.memory import Memory

# RFC 3986 section 3.2: a host and a port, IPv6 addresses in brackets. Empty where the target has no authority.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Za-z:.]+\])(?::\d*)?", re.ASCII)

# Hosts that were asked about: most clients of a worker ask for the same few.
_LONGEST_HOST = 1024
known_hosts: Memory[bytes, bool] = Memory(1024, _LONGEST_HOST)
# The verdict on a host that was asked about before; None where it was not.
recall_host = known_hosts.get


def is_host(value: bytes) -> bool:
    """Return True if this is a host, with a port or without (RFC 9110 section 7.2)."""
    known = recall_host(value)
    if known is None:
        # A value that is too long is not remembered, or a thousand of them would take the memory of a thousand heads.
        return known_hosts.keep(value, len(value) <= _LONGEST_HOST and _HOST.fullmatch(value) is not None, len(value))
    return known
