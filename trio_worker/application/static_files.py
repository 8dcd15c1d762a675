"""uWSGI's static files (`check-static`, `static-map`): a file found there is served before the app is asked.

As in core/static.c: only GET and HEAD, only below the directory once all links are followed, 304 by If-Modified-Since;
what is no file goes to the app. A mount point is matched by whole segments of the path. The file leaves by sendfile
where the connection can, else in pieces.

Looking for a file costs one system call on a name that the kernel has cached. It is made at once: a thread would cost
ten times as much, for every request that is not for a file. Links are followed only where there is a file: that takes a
call for each segment, and of those that exist a path has few.
"""

import mimetypes
import os
import stat
from collections.abc import Iterator, Sequence
from email.utils import formatdate, parsedate_to_datetime

import trio

from trio_worker.asgi import App, Receive, Scope, Send
from trio_worker.options.static_map import StaticMap

# Bytes of a file that are read at a time where there is no sendfile.
PIECE = 262144

# The longest name that a system call takes (PATH_MAX of Linux).
LONGEST_PATH = 4096

# Segments that a path in its normal form does not have (RFC 3986 section 6.2.2.3), and the end of a directory's.
_ODD_SEGMENTS = frozenset(("", ".", ".."))

SENDS_PATHS = "http.response.pathsend"

Headers = list[tuple[bytes, bytes]]


class StaticFiles:
    """The app behind its static files.

    Args:
        app: asked for everything that is no file.
        maps: where to look, in this order.
    """

    def __init__(self, app: App, maps: Sequence[StaticMap]) -> None:
        mimetypes.init()
        self._app = app
        self._maps = maps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, or call the app."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            for path in candidates(self._maps, scope["path"]):
                status = _stat(path)
                if status is not None:
                    await _serve(path, status, scope, send)
                    return
        await self._app(scope, receive, send)


def candidates(maps: Sequence[StaticMap], path: str) -> Iterator[str]:
    """The names, with all links followed, of what may be served for a request's path; each below its map's place."""
    if "\0" in path or len(path) > LONGEST_PATH or not _ODD_SEGMENTS.isdisjoint(path.split("/")[1:]):
        return
    for prefix, place in maps:
        if path == prefix:
            yield place
        elif path.startswith(prefix + "/"):
            # The name in UTF-8, whatever the locale makes of names.
            name = place + os.fsdecode(path[len(prefix) :].encode("utf-8", "surrogateescape"))
            if _stat(name) is not None and (real := os.path.realpath(name)).startswith(place.rstrip("/") + "/"):
                yield real


def _stat(path: str) -> os.stat_result | None:
    """Return the status of a regular file that we may read, None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK) else None


async def _serve(path: str, status: os.stat_result, scope: Scope, send: Send) -> None:
    modified = formatdate(status.st_mtime, usegmt=True).encode()
    if _unchanged(scope, status):
        await send({"type": "http.response.start", "status": 304, "headers": [(b"last-modified", modified)]})
        await send({"type": "http.response.body", "body": b""})
        return
    headers = [(b"content-length", b"%d" % status.st_size), (b"last-modified", modified), *_content_type(path)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] == "HEAD" or not status.st_size:
        await send({"type": "http.response.body", "body": b""})
    elif SENDS_PATHS in scope["extensions"]:
        await send({"type": SENDS_PATHS, "path": path})
    else:
        await _send_pieces(path, status.st_size, send)


async def _send_pieces(path: str, size: int, send: Send) -> None:
    """Send a file's first `size` bytes, as many as were announced."""
    async with await trio.open_file(path, "rb") as file:
        while size > 0 and (piece := await file.read(min(PIECE, size))):
            size -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _unchanged(scope: Scope, status: os.stat_result) -> bool:
    """Return True if the client has the file already (RFC 9110 section 13.1.3)."""
    given = next((value for name, value in scope["headers"] if name == b"if-modified-since"), None)
    if given is None:
        return False
    try:
        return int(status.st_mtime) <= parsedate_to_datetime(given.decode("latin-1")).timestamp()
    except (ValueError, OverflowError):
        return False


def _content_type(path: str) -> Headers:
    kind, encoding = mimetypes.guess_type(path)
    if encoding is not None:
        kind = f"application/{encoding}"  # What is packed is to be stored as it is, not unpacked on the way.
    return [] if kind is None else [(b"content-type", kind.encode())]
