"""One client's connection as bytes: what every protocol reads from and writes to.

A wire carries one deadline. Nothing here watches it: the sweeper of deadlines.py looks at all of them together, so that
a deadline costs an assignment and no timer.
"""

from collections.abc import Awaitable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

Address = tuple[str, int | None]
Bytes = bytes | memoryview

NO_EXTENSIONS: Mapping[str, Any] = MappingProxyType({})


class Wire(Protocol):
    """A connection as a protocol sees it; a socket and a TLS stream both have it.

    Attributes:
        client: the peer's address, None where it has none (UNIX sockets).
        server: our own address; the path and None for a UNIX socket.
        scheme: "http", or "https" over TLS.
        deadline: when the sweeper calls `expire()` on the connection, on Trio's clock in seconds; `inf` for never.
        stalled: whether a write is waiting for the client to read.
        stall_deadline: until when it does, as `deadline`; what a read in another task does prolongs nothing.
        root_path: where a front has mounted the app, as it says.
        extensions: what the scopes of all requests here get in their `extensions`.
        watched: whether `wake` is called when bytes come.
        withholds_end: whether its end, where it can, does not say that all has been sent (RFC 9112 section 9.8).
        watcher: has it called; a wire that has none waits by Trio's own means.
        ahead: bytes that have been given back, and nobody has read again.
        reading: whether a task waits for bytes, or for the end of them.
    """

    client: Address | None
    server: Address | None
    scheme: str
    deadline: float
    stall_deadline: float
    root_path: str
    extensions: Mapping[str, Any]
    watched: bool
    withholds_end: bool
    watcher: "Watcher | None"

    @property
    def reading(self) -> bool: ...
    @property
    def stalled(self) -> bool: ...

    @property
    def ahead(self) -> bytes: ...

    def fileno(self) -> int: ...
    def unread(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...
    def receive_now(self) -> bytes | None: ...
    def wait(self) -> Awaitable[None]: ...
    def can_wait_alone(self) -> bool: ...
    def wake(self, ended: bool) -> None: ...
    def gather(self, *parts: Bytes) -> bool: ...
    def flush(self) -> bool: ...
    async def settle(self) -> None: ...
    def try_send(self, data: Bytes) -> int: ...
    def try_send_parts(self, parts: Sequence[Bytes]) -> int: ...
    async def send(self, data: Bytes) -> None: ...
    def send_now(self, data: bytes) -> None: ...
    async def send_parts(self, *parts: Bytes) -> None: ...
    async def send_file(self, descriptor: int, offset: int, count: int) -> None: ...
    def has_received(self) -> bool: ...
    def end_reading(self) -> None: ...
    def abort(self) -> None: ...
    def end_writing(self) -> None: ...
    def close(self) -> None: ...


class Ungathered:
    """A wire on which each piece is sent by itself."""

    __slots__ = ()

    def gather(self, *parts: Bytes) -> bool:
        """Keep a piece that others will follow, to send it with them; return False where it is to be sent now."""
        return False

    def flush(self) -> bool:
        """Write what is kept; return False where the client has to read before the rest can leave."""
        return True

    async def settle(self) -> None:
        """Write all that is kept; waits and raises like `send`."""


class Watcher(Protocol):
    """The one that the kernel tells what happens to the wires.

    Attributes:
        due: how many of those that were told something in this turn have not written yet, where these are several.
    """

    due: int

    def watch_now(self, descriptor: int) -> None:
        """Watch an open descriptor from now on."""

    def flush_soon(self, wire: Wire) -> None:
        """Call `flush` of the wire when the step that runs is over, and until it is True whenever its client reads."""

    def flush_together(self, wire: Wire) -> None:
        """Do the same, earlier where enough others have written, or all that are due."""


def behind(parts: Sequence[Bytes], size: int) -> list[Bytes]:
    """Return what of these parts comes behind their first `size` bytes."""
    rest: list[Bytes] = []
    for part in parts:
        if size < len(part):
            rest.append(memoryview(part)[size:])
        size = max(0, size - len(part))
    return rest


def unix_path(name: str | bytes) -> str:
    """The printable name of a UNIX socket; abstract ones are written with the usual `@`.

    uWSGI binds an abstract name together with the NUL that ends it in C.
    """
    return "@" + name[1:].rstrip(b"\0").decode("utf-8", "replace") if isinstance(name, bytes) else name
