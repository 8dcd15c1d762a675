"""The plugin's functions, called through ctypes.

uWSGI loads its plugins with RTLD_GLOBAL, so their functions are symbols of the process itself, and a
process without the plugin simply has none of them. The prototypes below are those of `trio.h`, line by
line; both files carry the number of the interface, and a plugin that was built for another one, or for
another uWSGI, is refused here before any of its functions runs.
"""

import ctypes
import os
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple

# UWSGI_TRIO_INTERFACE of trio.h.
INTERFACE = 3

_REBUILD = "build it again with: trio-worker build-plugin"


class PluginRefused(Exception):
    """The loaded plugin was built for another uWSGI, or belongs to another trio-worker."""


class Counts(ctypes.Structure):
    """The counts of a worker since the last `Native.account`; fields left out are zero.

    `requests` is what `Native.requests` has grown by.
    `running_time` and `response_time` are microseconds: the time in which the worker was busy, and the sum of
    the requests' own times. `tx` is bytes sent, heads and bodies. `harakiri` counts cancelled requests.
    `app` is the index of the app in `uwsgi.workers()[n]["apps"]`, -1 for none.
    """

    requests: int
    running_time: int
    response_time: int
    tx: int
    exceptions: int
    read_errors: int
    write_errors: int
    static_requests: int
    harakiri: int
    app: int

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("requests", ctypes.c_uint64),
        ("running_time", ctypes.c_uint64),
        ("response_time", ctypes.c_uint64),
        ("tx", ctypes.c_uint64),
        ("exceptions", ctypes.c_uint64),
        ("read_errors", ctypes.c_uint64),
        ("write_errors", ctypes.c_uint64),
        ("static_requests", ctypes.c_uint64),
        ("harakiri", ctypes.c_uint64),
        ("app", ctypes.c_int64),
    ]


class SignalDescriptors(NamedTuple):
    """The sockets into which the master writes the numbers of uWSGI signals: for any worker, and for this one."""

    shared: int
    own: int


class ProcessMemory(NamedTuple):
    """Resident and virtual size of this process in bytes."""

    rss: int
    vsz: int


_COUNTS = ctypes.POINTER(Counts)
_UINT64 = ctypes.POINTER(ctypes.c_uint64)

_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "account": (None, [_COUNTS]),
    "in_request": (ctypes.c_void_p, []),
    "requests": (ctypes.c_void_p, []),
    "memory": (None, [_UINT64, _UINT64]),
    "option_count": (ctypes.c_int, []),
    "option_key": (ctypes.c_char_p, [ctypes.c_int]),
    "option_value": (ctypes.c_char_p, [ctypes.c_int]),
    "shared_signal_fd": (ctypes.c_int, []),
    "own_signal_fd": (ctypes.c_int, []),
    "run_signal": (ctypes.c_int, [ctypes.c_uint8]),
    "accepting": (ctypes.c_int, []),
    "leave": (None, []),
    "request_log_fd": (ctypes.c_int, []),
}


def load() -> "Native | None":
    """Return the plugin of this process, or None when uWSGI was started without it.

    Raises:
      PluginRefused: the plugin is loaded, but was built for another uWSGI or another trio-worker.
    """
    process = ctypes.CDLL(None)
    if not hasattr(process, "uwsgi_trio_interface"):
        return None
    if process.uwsgi_trio_interface() != INTERFACE:
        raise PluginRefused(f"trio plugin refused: it belongs to another trio-worker; {_REBUILD}")
    process.uwsgi_trio_refusal.restype = ctypes.c_char_p
    refusal: bytes | None = process.uwsgi_trio_refusal()
    if refusal is not None:
        raise PluginRefused(f"trio plugin refused: {refusal.decode()}")
    return Native(process)


class Native:
    """uWSGI, as the plugin reaches it; made by `load`, once in each worker.

    `in_request` and `requests` are words of memory that is shared with the master, each written at the price of an
    assignment. `native.in_request[0] = 1` marks the worker as busy for the master, its cheaper algorithms and the
    stats server, until it is 0 again. `native.requests[0]` is how many requests this worker and its predecessors have
    served; what is written there is not lost with the worker, however it ends.
    """

    in_request: memoryview
    requests: memoryview

    def __init__(self, process: ctypes.CDLL) -> None:
        self._functions = {name: _declared(process, name) for name in _PROTOTYPES}
        self._request_log: int = self._call("request_log_fd")
        self.in_request = _word(ctypes.c_int, self._call("in_request"), "i")
        self.requests = _word(ctypes.c_uint64, self._call("requests"), "Q")

    def account(self, counts: Counts) -> None:
        """Add a batch of counts to the statistics of this worker and of the instance.

        After the first request it also tells the Emperor, where there is one, that this vassal is loyal.
        """
        self._call("account", ctypes.byref(counts))

    def measure_memory(self) -> ProcessMemory:
        """Measure this process and publish the result in the statistics (uWSGI's `memory-report`)."""
        rss, vsz = ctypes.c_uint64(), ctypes.c_uint64()
        self._call("memory", ctypes.byref(rss), ctypes.byref(vsz))
        return ProcessMemory(rss.value, vsz.value)

    def options(self) -> Iterator[tuple[str, bytes | Literal[True]]]:
        """Yield every option of the configuration in order, repeated ones included; True for one without a value.

        Values are bytes, as in `uwsgi.opt`.
        """
        for index in range(self._call("option_count")):
            value: bytes | None = self._call("option_value", index)
            yield os.fsdecode(self._call("option_key", index)), True if value is None else value

    def signal_descriptors(self) -> SignalDescriptors | None:
        """Return sockets from which one byte, a uWSGI signal's number, can be read; None without a master.

        End-of-file on the worker's own one means that the master has died.
        """
        descriptors = SignalDescriptors(self._call("shared_signal_fd"), self._call("own_signal_fd"))
        return None if -1 in descriptors else descriptors

    def run_signal(self, number: int) -> bool:
        """Run the handler of a uWSGI signal in this thread; return False when there is none or it failed.

        Meanwhile the worker's status is `sigN`, and `harakiri` watches over the handler.
        """
        failed: int = self._call("run_signal", number)
        return not failed

    def accepting(self) -> None:
        """Mark the worker as accepting, tell the Emperor, and run the `hook-accepting*` hooks, in this order.

        The hooks may run commands and block: call it in a thread.

        Raises:
          OSError: the Emperor is gone; uWSGI's own worker ends its instance then.
        """
        error: int = self._call("accepting")
        if error:
            raise OSError(error, f"cannot tell the Emperor: {os.strerror(error)}")

    def leave(self) -> None:
        """Tell the master that this worker is going to exit: it then replaces it without a complaint in the log."""
        self._call("leave")

    def log_request(self, line: bytes) -> bool:
        """Write a line, its newline included, to `req-logger`, or to the log where there is none.

        Return False when it is lost because the master does not keep up: as in uWSGI's own workers, nothing waits.
        """
        try:
            return os.write(self._request_log, line) == len(line)
        except OSError:
            return False

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._functions[name](*arguments)


def _word(kind: Any, address: int, code: Literal["i", "Q"]) -> memoryview:
    # ctypes gives its views a format that memoryview can read but not write, so they are cast to one that it can.
    word = memoryview((kind * 1).from_address(address))
    return word.cast("B").cast(code)


def _declared(process: ctypes.CDLL, name: str) -> Any:
    function = getattr(process, f"uwsgi_trio_{name}")
    function.restype, function.argtypes = _PROTOTYPES[name]
    return function
