"""
The faults of an ini that show when the instance is reloaded or stopped, and not before.

They are warnings: the instance serves all the same, and loses requests at its next deploy.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from trio_worker.check.binary import is_pyuwsgi
from trio_worker.check.configuration import Configuration
from trio_worker.check.findings import Finding, error, note, warning

# The kernel's limit for a queue of connections; uWSGI does not start with more (create_server_socket).
_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")

# Options by which a router of uWSGI's is in front, which speaks the uwsgi protocol to workers.
_BRING_PACKETS = ("uwsgi-socket", "http", "http-to-https", "https", "https2", "subscribe-to", "subscribe2")

_GRACEFUL_TERM = re.compile(r"unix_signal:15 gracefully_kill_them_all")


def _chain(ini: Configuration) -> Iterator[Finding]:
    if ini.is_on("lazy-apps") or ini.is_on("lazy"):
        return
    for name in ("touch-chain-reload", "master-fifo"):
        for setting in ini.all(name)[-1:]:
            yield warning("a chain reload never takes up new code without `lazy-apps = true`", setting)


def _autoreload(ini: Configuration) -> Iterator[Finding]:
    if not ini.is_on("lazy-apps") and not ini.is_on("lazy"):
        for setting in ini.all("py-auto-reload")[-1:]:
            yield warning("without `lazy-apps = true` a syntax error that is saved takes the old code away", setting)


def _queue(ini: Configuration) -> Iterator[Finding]:
    # The sockets of a zerg are those of its pool.
    if ini.is_whole and ini.has_workers and not ini.all("listen") and not ini.all("zerg"):
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


def _packets(ini: Configuration) -> Iterator[Finding]:
    if not ini.has_workers or ini.all("buffer-size"):
        return
    why = "the head of a request in a uwsgi packet has 4,096 bytes at most, with its cookies, or its client gets a 502"
    advice = f"`buffer-size = 32768` is missing: {why}"
    for setting in [each for name in _BRING_PACKETS for each in ini.all(name)][:1]:
        yield warning(advice, setting)
        return
    for setting in [each for each in ini.all("socket") if ":" not in each.value][:1]:
        yield note(f"behind uwsgi_pass, {advice}", setting)


def _reexecuted(ini: Configuration) -> Iterator[Finding]:
    if ini.is_whole and is_pyuwsgi() and sys.prefix != sys.base_prefix and not ini.all("binary-path"):
        line = f"binary-path = {sys.executable}"
        yield warning(f"pyuwsgi forgets its virtual environment at a SIGHUP, and ends: add `{line}`")


RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    _chain,
    _autoreload,
    _queue,
    _stop,
    _packets,
    _reexecuted,
)
"""Every rule, in the order in which their findings are reported."""
