"""The conditions of a client: what it has already (RFC 9110 section 13), and which part it wants (section 14)."""

import os
import re
from email.utils import formatdate, parsedate_to_datetime
from typing import NamedTuple

# One range of bytes (RFC 9110 section 14.1.2). A client that asks for several gets the whole, as a server may do.
_RANGE = re.compile(rb"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)

# Entity tags of a list that are looked at: behind them a client is taken for one that does not have the file.
TAGS = 256

Headers = list[tuple[bytes, bytes]]


class Validators(NamedTuple):
    """By what a version of a file is known.

    Attributes:
        etag: another one for each version.
        modified: the time of its last change in seconds.
    """

    etag: bytes
    modified: int

    @property
    def last_modified(self) -> bytes:
        """Return the time as HTTP writes it."""
        return formatdate(self.modified, usegmt=True).encode()


class Part(NamedTuple):
    """A part of a file: its first byte, and how many."""

    first: int
    length: int


def validators(status: os.stat_result) -> Validators:
    """Return the validators of a file: its entity tag has the time to the nanosecond, its size and its number."""
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"'
    return Validators(tag.encode(), int(status.st_mtime))


def header(headers: Headers, name: bytes) -> bytes | None:
    """Return a header of a request, several of one name as one list; None without it."""
    found = [value for each, value in headers if each == name]
    return b", ".join(found) if found else None


def precondition(headers: Headers, known: Validators) -> int:
    """Return 304 or 412 where that is the answer, 200 otherwise; in the order of RFC 9110 section 13.2.2."""
    if (tags := header(headers, b"if-match")) is not None:
        if not _lists(tags, known.etag, weak=False):
            return 412
    elif (since := _date(header(headers, b"if-unmodified-since"))) is not None and known.modified > since:
        return 412
    if (tags := header(headers, b"if-none-match")) is not None:
        return 304 if _lists(tags, known.etag, weak=True) else 200
    since = _date(header(headers, b"if-modified-since"))
    return 304 if since is not None and known.modified <= since else 200


def part(headers: Headers, known: Validators, size: int) -> Part | None:
    """Return the part of the file that is asked for, None for the whole.

    Raises:
        ValueError: there is no such part: 416.
    """
    asked = header(headers, b"range")
    if asked is None or not _range_holds(headers, known) or not (match := _RANGE.fullmatch(asked)):
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        begin, end = max(0, size - int(suffix)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None  # No range at all (section 14.1.2).
    if begin >= end:
        raise ValueError(asked)
    return Part(begin, end - begin)


def _range_holds(headers: Headers, known: Validators) -> bool:
    """Return False if the client wants the whole of a version that it does not have (RFC 9110 section 13.1.5)."""
    condition = header(headers, b"if-range")
    return condition is None or condition in (known.etag, known.last_modified)


def _lists(tags: bytes, etag: bytes, weak: bool) -> bool:
    """Look for an entity tag in a list; a weak one is the same only where that is enough (RFC 9110 section 8.8.3.2)."""
    listed = [tag.strip() for tag in tags.split(b",", TAGS)[:TAGS]]
    return b"*" in listed or etag in listed or (weak and b"W/" + etag in listed)


def _date(value: bytes | None) -> float | None:
    """Return a date in seconds; one that cannot be read is as good as none (RFC 9110 section 13.1.3)."""
    try:
        return None if value is None else parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except (ValueError, OverflowError):
        return None
