"""The answer that a file gets: whole or in part, compressed or not, or that the client has it already.

The file leaves by sendfile where the connection can, else in pieces.
"""

import mimetypes
import os

from trio_worker.application.static.conditions import Headers, Part, Validators, header, part, precondition, validators
from trio_worker.application.static.expires import Expires
from trio_worker.application.static.lookup import File
from trio_worker.application.static.siblings import Siblings
from trio_worker.asgi import Scope, Send
from trio_worker.options import Options
from trio_worker.transport.threads import in_thread

# Bytes of a file that are read at a time where there is no sendfile.
PIECE = 262144

SENDS_PATHS = "http.response.pathsend"
SENDS_PARTS = "http.response.zerocopysend"


class Answers:
    """The answers of one ini.

    Args:
        options: the parsed ini.
    """

    def __init__(self, options: Options) -> None:
        self._siblings = Siblings(options)
        self._expires = Expires(options)

    async def send(self, file: File, scope: Scope, send: Send) -> None:
        """Answer a GET or HEAD for a file."""
        kind, packed = mimetypes.guess_type(file.path)
        if packed is not None:
            kind = f"application/{packed}"  # A packed file is to be stored as it is, not unpacked on the way.
        sent, about = self._choose(file, scope["headers"])
        about += self._expires.header(file.path, kind or "", sent.status, scope)
        known = validators(sent.status)
        about += [(b"etag", known.etag), (b"last-modified", known.last_modified)]
        status = precondition(scope["headers"], known)
        if status == 200:
            about += [(b"accept-ranges", b"bytes"), *([] if kind is None else [(b"content-type", kind.encode())])]
            await _send_content(sent, known, about, scope, send)
        else:
            await _send_head(status, about if status == 304 else [(b"content-length", b"0")], send)

    def _choose(self, file: File, headers: Headers) -> tuple[File, Headers]:
        """Return the file to send, itself or a compressed one, and the headers that say so."""
        if not self._siblings.may_have(file.path):
            return file, []
        sent, coding = self._siblings.choose(file, header(headers, b"accept-encoding") or b"")
        vary = (b"vary", b"accept-encoding")  # A cache must not give one client's coding to another.
        return sent, [vary, (b"content-encoding", coding)] if coding else [vary]


async def _send_content(file: File, known: Validators, about: Headers, scope: Scope, send: Send) -> None:
    size = file.status.st_size
    try:
        # Only GET has ranges (RFC 9110 section 14.2).
        wanted = part(scope["headers"], known, size) if scope["method"] == "GET" else None
    except ValueError:
        await _send_head(416, [(b"content-range", b"bytes */%d" % size), (b"content-length", b"0")], send)
        return
    if wanted is None:
        await send(_start(200, [(b"content-length", b"%d" % size), *about]))
        await _send_whole(file.path, size, scope, send)
    else:
        first, length = wanted
        place = (b"content-range", b"bytes %d-%d/%d" % (first, first + length - 1, size))
        await send(_start(206, [(b"content-length", b"%d" % length), place, *about]))
        await _send_part(file.path, wanted, scope, send)


def _start(status: int, headers: Headers) -> dict[str, object]:
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _send_head(status: int, headers: Headers, send: Send) -> None:
    await send(_start(status, headers))
    await send({"type": "http.response.body", "body": b""})


async def _send_whole(path: str, size: int, scope: Scope, send: Send) -> None:
    if scope["method"] == "HEAD" or not size:
        await send({"type": "http.response.body", "body": b""})
    elif SENDS_PATHS in scope["extensions"]:
        await send({"type": SENDS_PATHS, "path": path})
    else:
        await _send_pieces(path, Part(0, size), send)


async def _send_part(path: str, wanted: Part, scope: Scope, send: Send) -> None:
    if SENDS_PARTS not in scope["extensions"]:
        await _send_pieces(path, wanted, send)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        await send({"type": SENDS_PARTS, "file": descriptor, "offset": wanted.first, "count": wanted.length})
    finally:
        os.close(descriptor)


async def _send_pieces(path: str, wanted: Part, send: Send) -> None:
    """Send a part of a file, as many bytes as were announced."""
    left = wanted.length
    descriptor = await in_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        while left > 0 and (
            piece := await in_thread(os.pread, descriptor, min(PIECE, left), wanted.first + wanted.length - left)
        ):
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        os.close(descriptor)
    await send({"type": "http.response.body", "body": b""})
