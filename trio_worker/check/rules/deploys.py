"""
The faults of an ini that show when the instance is reloaded or stopped, and not before.

They are warnings: the instance serves all the same, and loses requests at its next deploy.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from trio_worker.check.configuration import Configuration
from trio_worker.check.findings import Finding, error, warning

# The kernel's limit for a queue of connections; uWSGI does not start with more (create_server_socket).
_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")

_GRACEFUL_TERM = re.compile(r"unix_signal:15 gracefully_kill_them_all")


def _chain(ini: Configuration) -> Iterator[Finding]:
    if ini.is_on("lazy-apps") or ini.is_on("lazy"):
        return
    for name in ("touch-chain-reload", "master-fifo"):
        for setting in ini.all(name)[-1:]:
            yield warning("a chain reload never takes up new code without `lazy-apps = true`", setting)


def _queue(ini: Configuration) -> Iterator[Finding]:
    if ini.is_whole and ini.has_workers and not ini.all("listen"):
        yield warning("`listen` is missing: 100 connections may wait while workers are replaced; 1024 is a good start")
    for setting in ini.all("listen")[-1:]:
        highest = _highest_queue()
        if highest and ini.number("listen", 0) > highest:
            yield error(f"uWSGI does not start: net.core.somaxconn is {highest} on this machine", setting)


def _highest_queue() -> int:
    try:
        return int(_SOMAXCONN.read_text())
    except (OSError, ValueError):
        return 0  # Another system, which has no such file.


def _stop(ini: Configuration) -> Iterator[Finding]:
    graceful = any(_GRACEFUL_TERM.fullmatch(each.value.strip()) for each in ini.all("hook-master-start"))
    if ini.is_whole and ini.has_workers and ini.is_on("master") and not graceful:
        line = "hook-master-start = unix_signal:15 gracefully_kill_them_all"
        yield warning(f"`{line}` is missing: SIGTERM ends requests in flight")


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (_chain, _queue, _stop)
"""Every rule, in the order in which their findings are reported."""
