"""The responses that are compressed, and what compression makes of their heads."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from trio_worker.asgi import Headers

# Statuses without a body, and parts of one, whose ranges count its own bytes (RFC 9110 section 15.3.7).
_UNTOUCHED = 204, 205, 206, 304

# A body that has one of these is what it is: coded already, a part, or known by its sum.
_OWN_WAY = frozenset((b"content-encoding", b"content-range", b"content-digest", b"repr-digest", b"digest"))

# Headers that no longer hold for a coded body.
_REPLACED = frozenset((b"content-length", b"accept-ranges"))

# Types whose messages are read one by one, while the response goes on.
_EVENTS = frozenset((b"text/event-stream", b"application/x-ndjson", b"application/jsonl", b"application/json-seq"))


class Rules:
    """The rules of an ini for what is worth it.

    Args:
        types: content types, with `*` for any part of them.
        smallest: bytes of the smallest body.
    """

    def __init__(self, types: Sequence[str], smallest: int) -> None:
        self._types = re.compile(
            "|".join(re.escape(each).replace(r"\*", ".*") for each in types).encode(), re.IGNORECASE
        )
        self._smallest = smallest

    def may_compress(self, status: Any, headers: Headers) -> bool:
        """Return True if clients that take a coding get such a response in it."""
        if status not in range(200, 1000) or status in _UNTOUCHED:
            return False
        fields = dict(headers)
        kind = _type(fields)
        return (
            self._types.fullmatch(kind) is not None
            and _OWN_WAY.isdisjoint(fields)
            and b"no-transform" not in fields.get(b"cache-control", b"").lower()
        )

    def is_large(self, headers: Headers, size: int, more: bool) -> bool:
        """Return True unless the body is known to be too small.

        Args:
            headers: of the response.
            size: bytes of its first piece.
            more: whether others follow.
        """
        length = dict(headers).get(b"content-length", b"")
        return int(length) >= self._smallest if length.isdigit() else more or size >= self._smallest


def is_read_at_once(headers: Headers) -> bool:
    """Return True for a stream of events: each has to leave when it is sent."""
    return _type(dict(headers)) in _EVENTS


def plain(headers: Iterable[tuple[bytes, bytes]]) -> Headers | None:
    """Return headers with their names in lower case, which not every app gives them; None for what are no headers."""
    try:
        return [(bytes(memoryview(name)).lower(), bytes(memoryview(value))) for name, value in headers]
    except (TypeError, ValueError):
        return None


def varying(headers: Headers) -> Headers:
    """Return the headers of a response that depends on what its client accepts (RFC 9110 section 12.5.5)."""
    named = b",".join(value for name, value in headers if name == b"vary").lower()
    if b"*" in named or b"accept-encoding" in named:
        return headers
    return [*headers, (b"vary", b"accept-encoding")]


def coded(headers: Headers, coding: bytes) -> Headers:
    """Return the headers of a response in a coding.

    Its length is another one, and not known yet. Its entity tag becomes a weak one: the bytes differ, what they mean
    does not (RFC 9110 section 8.8.1). Its parts cannot be asked for, as the app would count uncoded bytes.
    """
    kept = [(name, _weak(value) if name == b"etag" else value) for name, value in headers if name not in _REPLACED]
    return [*kept, (b"content-encoding", coding)]


def _type(fields: dict[bytes, bytes]) -> bytes:
    return fields.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _weak(etag: bytes) -> bytes:
    return etag if etag.startswith(b"W/") else b"W/" + etag
