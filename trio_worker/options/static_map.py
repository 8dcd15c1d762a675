"""The places of static files, as `static-map` and `check-static` name them."""

import os
from typing import NamedTuple


class StaticMap(NamedTuple):
    """A mount point and what is served there.

    Attributes:
        prefix: of the path, without a slash at the end.
        place: the directory or the one file, with all links followed.
    """

    prefix: str
    place: str


def parse_map(value: str) -> StaticMap:
    """Read `static-map = /prefix=/directory`.

    Raises:
        ValueError: it is not written like that.
    """
    prefix, equals, place = value.partition("=")
    if not (equals and place and prefix.startswith("/")):
        raise ValueError(value)
    return StaticMap(prefix.rstrip("/"), os.path.realpath(place))


def parse_directory(value: str) -> StaticMap:
    """Read `check-static = /directory`."""
    return StaticMap("", os.path.realpath(value))
