"""The look-up of a request's path among the places of files.

A file is served only from below its place (or from below a `static-safe`) once all links are followed. A mount point is
matched by whole segments of the path.

Looking for a file costs one system call on a name that the kernel has cached. It is made at once: a thread would cost
ten times as much, for every request that is not for a file. Links are followed only where there is a file: that takes a
call for each segment, and of those that exist a path has few.
"""

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from trio_worker.options import Options
from trio_worker.options.static_map import StaticMap

# The longest name that a system call takes (PATH_MAX of Linux).
LONGEST_PATH = 4096

# Segments that a path in its normal form does not have (RFC 3986 section 6.2.2.3).
_ODD_SEGMENTS = frozenset(("", ".", ".."))


class File(NamedTuple):
    """A regular file that we may read.

    Attributes:
        path: its name with all links followed.
        status: of it.
        place: what it has to lie below.
    """

    path: str
    status: os.stat_result
    place: str


class Lookup:
    """The files that an ini has served.

    Args:
        options: the parsed ini.
    """

    def __init__(self, options: Options) -> None:
        # In uWSGI's order (core/protocol.c, uwsgi_parse_vars).
        self._maps = (*options.check_static, *options.static_maps, *options.static_maps2)
        self._indexes = options.static_index
        self._skipped = options.static_skip_ext
        self._safe = tuple(map(os.path.realpath, options.static_safe))

    def find(self, path: str) -> File | None:
        """Return the file for a request's path, None where there is none."""
        if self._is_odd(path):
            return None
        for static_map in self._maps:
            name = _name(static_map, path)
            if name is not None and (file := self._file(name, static_map.place)) is not None:
                return file
        return None

    def beside(self, file: File, ending: str) -> File | None:
        """Return the file whose name is that of another one and an ending, None where there is none."""
        return self._regular(file.path + ending, file.place)

    def _is_odd(self, path: str) -> bool:
        if "\0" in path or len(path) > LONGEST_PATH:
            return True
        *segments, last = path.split("/")[1:] or [path]
        # A slash at the end names a directory, and that can be a file by its index.
        return not _ODD_SEGMENTS.isdisjoint(segments) or (last in _ODD_SEGMENTS and not (last == "" and self._indexes))

    def _file(self, name: str, place: str) -> File | None:
        status = _stat(name)
        if status is None:
            return None
        if stat.S_ISDIR(status.st_mode):
            file = next(self._indexed(os.path.realpath(name), place), None)
        else:
            file = self._regular(name, place)
        return None if file is None or file.path.endswith(self._skipped) else file

    def _indexed(self, directory: str, place: str) -> Iterator[File]:
        if self._may_serve(directory, place):
            for index in self._indexes:
                if (file := self._regular(os.path.join(directory, index), place)) is not None:
                    yield file

    def _regular(self, name: str, place: str) -> File | None:
        status = _stat(name)
        if status is None or not stat.S_ISREG(status.st_mode) or not os.access(name, os.R_OK):
            return None
        path = os.path.realpath(name)
        return File(path, status, place) if self._may_serve(path, place) else None

    def _may_serve(self, path: str, place: str) -> bool:
        return _is_below(path, place) or any(_is_below(path, safe) for safe in self._safe)


def _name(static_map: StaticMap, path: str) -> str | None:
    """Return the name in the file system that a map has for a path."""
    prefix, place, is_whole = static_map
    if path != prefix and not path.startswith(prefix + "/"):
        return None
    rest = path if is_whole else path[len(prefix) :]
    # In UTF-8, whatever the locale makes of names.
    return place.rstrip("/") + os.fsdecode(rest.encode("utf-8", "surrogateescape")) if rest else place


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None
