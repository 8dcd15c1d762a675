"""The limits at which a worker is replaced: requests served, memory used, exceptions that its app may not raise.

uWSGI's own workers ask this after every request and leave at once. Here the request that reaches `max-requests` begins
the end of the worker, and one task looks at the other limits once a second; the worker drains. A worker younger than
`min-worker-lifetime` is spared, as it is there. (core/utils.c, uwsgi_close_request; core/exceptions.c,
uwsgi_manage_exception)
"""

import resource
import time
from dataclasses import dataclass
from pathlib import Path

from trio_worker.application.recent import text_of
from trio_worker.application.running import leaves
from trio_worker.options import Options

MEGABYTE = 1 << 20

_STATM = Path("/proc/self/statm")


class Limits:
    """The limits of one worker.

    Args:
        options: the parsed ini.
        worker_id: uWSGI's number of this worker, from 1.
        born: when the master forked it, in seconds since the epoch (`last_spawn` in `uwsgi.workers()`).
    """

    def __init__(self, options: Options, worker_id: int, born: float) -> None:
        self._min_lifetime = options.min_worker_lifetime
        self._born = born
        # Each worker some requests later than the one before, so that they are not all replaced at once.
        delta = (worker_id - 1) * options.max_requests_delta
        self._requests = options.max_requests + delta if options.max_requests else 0
        self._rss = options.reload_on_rss * MEGABYTE
        self._as = options.reload_on_as * MEGABYTE

    def is_last(self, number: int) -> bool:
        """Return True for the number of a request with which, or before which, the worker ends."""
        return self._requests > 0 and number >= self._requests and not self._is_spared

    @property
    def _is_spared(self) -> bool:
        return time.time() - self._born < self._min_lifetime

    def exceeded(self, requests: int) -> str | None:
        """Return the limit that the worker has reached, in words for the log; None while it may live on.

        Args:
            requests: how many it has served.
        """
        if self._is_spared:
            return None
        if self._requests and requests >= self._requests:
            return f"max-requests: {requests} requests served"
        return self._memory_exceeded() if self._rss or self._as else None

    def _memory_exceeded(self) -> str | None:
        try:
            rss, address_space = memory()
        except OSError:
            return None  # No descriptor is left to look with; connections that end give some back.
        if self._rss and rss >= self._rss:
            return f"reload-on-rss: {rss // MEGABYTE} MB resident"
        if self._as and address_space >= self._as:
            return f"reload-on-as: {address_space // MEGABYTE} MB of address space"
        return None


def memory() -> tuple[int, int]:
    """Resident memory and address space of this process, in bytes."""
    size, resident, *_ = _STATM.read_text().split()
    page = resource.getpagesize()
    return int(resident) * page, int(size) * page


@dataclass(frozen=True)
class FatalExceptions:
    """The exceptions of the app that end the worker.

    Attributes:
        every: `reload-on-exception`.
        types: names of their classes, of `reload-on-exception-type`.
        values: their texts, of `reload-on-exception-value`.
        reprs: class and text as in `ValueError: no`, of `reload-on-exception-repr`.
    """

    every: bool
    types: frozenset[str]
    values: frozenset[str]
    reprs: frozenset[str]

    @classmethod
    def read(cls, options: Options) -> "FatalExceptions":
        """Read the ini."""
        return cls(
            options.reload_on_exception,
            frozenset(options.reload_on_exception_types),
            frozenset(options.reload_on_exception_values),
            frozenset(options.reload_on_exception_reprs),
        )

    def match(self, error: BaseException) -> bool:
        """Return True if this exception, or one of its group, ends the worker."""
        return self.every or any(map(self._is_named, leaves(error)))

    def _is_named(self, error: BaseException) -> bool:
        name, value = type(error).__name__, text_of(error)
        return name in self.types or value in self.values or f"{name}: {value}" in self.reprs
