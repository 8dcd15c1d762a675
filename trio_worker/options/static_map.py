"""The places of static files, as `static-map` and `check-static` name them, and the rules for them."""

import os
import re
from typing import NamedTuple


class StaticMap(NamedTuple):
    """A mount point and what is served there.

    Attributes:
        prefix: of the path, without a slash at the end.
        place: the directory or the one file, with all links followed.
        is_whole: whether the prefix is a part of the names below the place (`static-map2`).
    """

    prefix: str
    place: str
    is_whole: bool = False


class ExpiresRule(NamedTuple):
    """A rule for how long files may be kept.

    Attributes:
        pattern: of their names, of what was asked for, or of their type.
        seconds: how long.
        since_change: whether that counts from the file's last change, and not from now.
    """

    pattern: re.Pattern[str]
    seconds: int
    since_change: bool


def parse_map(value: str, is_whole: bool = False) -> StaticMap:
    """Read `static-map = /prefix=/directory`.

    Raises:
        ValueError: it is not written like that.
    """
    prefix, equals, place = value.partition("=")
    if not (equals and place and prefix.startswith("/")):
        raise ValueError(value)
    return StaticMap(prefix.rstrip("/"), os.path.realpath(place), is_whole)


def parse_directory(value: str) -> StaticMap:
    """Read `check-static = /directory`."""
    return StaticMap("", os.path.realpath(value))


def parse_expires(value: str, since_change: bool) -> ExpiresRule:
    """Read `static-expires = pattern seconds`.

    Raises:
        ValueError: it is not written like that.
    """
    pattern, _, seconds = value.partition(" ")
    try:
        return ExpiresRule(re.compile(pattern), int(seconds), since_change)
    except re.error as error:
        raise ValueError(value) from error


def parse_type_expires(value: str, since_change: bool) -> ExpiresRule:
    """Read `static-expires-type = type=seconds`.

    Raises:
        ValueError: it is not written like that.
    """
    kind, _, seconds = value.partition("=")
    return ExpiresRule(re.compile(re.escape(kind)), int(seconds), since_change)
