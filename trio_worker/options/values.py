"""Readers of options' values, one function for each kind of value.

Each takes the key and the value as the ini has them, and says in an OptionError what is allowed there. An option that
may be given more than once comes as one line for each time.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from trio_worker.options.protocols import PROTOCOLS, Spoken, parse_protocols
from trio_worker.options.static_map import (
    ExpiresRule,
    StaticMap,
    parse_directory,
    parse_expires,
    parse_map,
    parse_type_expires,
)
from trio_worker.options.trust import Peers, parse_peers

Reader = Callable[[str, str], Any]


class OptionError(ValueError):
    """An option's value cannot be used.

    Args:
        key: as the ini has it.
        value: as the ini has it.
        allowed: what can stand there, in words.
    """

    def __init__(self, key: str, value: str, allowed: str) -> None:
        super().__init__(f"{key} = {value}: allowed is {allowed}")


class UnknownOptionError(OptionError):
    """An option with our prefix does not exist.

    Args:
        key: as the ini has it.
        value: as the ini has it.
        known: the options that exist.
    """

    def __init__(self, key: str, value: str, known: Iterable[str]) -> None:
        likely = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
        hint = f"perhaps {likely[0]} is meant" if likely else "`trio-worker options` lists all"
        ValueError.__init__(self, f"{key} = {value}: there is no such option of this worker; {hint}")


# uWSGI's words for no behind a flag (uwsgi_opt_true).
OFF = frozenset({"false", "off", "no", "0"})


# uWSGI's files have no comments behind a value; but atoi() reads no further than a number, so people write them there.
_COMMENT = re.compile(r"\s+[;#].*")


def without_comment(value: str) -> str:
    """Return a number or a word without what stands behind it."""
    return _COMMENT.sub("", value)


def a_text(key: str, value: str) -> str:
    """Read any text."""
    return value


def a_flag(key: str, value: str) -> bool:
    """Read yes or no in uWSGI's words; to uWSGI itself everything but its words for no is yes."""
    if key.startswith("trio-"):
        value = without_comment(value)
    if value.lower() in OFF:
        return False
    if key.startswith("trio-") and value.lower() not in ("true", "1", "yes", "on", ""):
        raise OptionError(key, value, "true or false")
    return True


def a_number(key: str, value: str) -> int:
    """Read a whole number, 0 or more."""
    value = without_comment(value)
    if not value.isascii() or not value.isdigit():
        raise OptionError(key, value, "a whole number, 0 or more")
    return int(value)


def a_time(key: str, value: str) -> float:
    """Read a number of seconds, 0 or more."""
    try:
        seconds = float(without_comment(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise OptionError(key, value, "a number of seconds, 0 or more")
    return seconds


def a_window(key: str, value: str) -> int:
    """Read the bits of zlib's window for a connection, 0 for no compression; on means 12."""
    if value.lower() in OFF:
        return 0
    if value.lower() in ("true", "on", "yes", ""):
        return 12
    if value.isascii() and value.isdigit() and 9 <= int(value) <= 15:
        return int(value)
    raise OptionError(key, value, "on, off, or the bits of the window, 9 to 15")


def an_interval(key: str, value: str) -> float:
    """Read a number of seconds after which something can be repeated."""
    seconds = a_time(key, value)
    if seconds < 0.05:
        raise OptionError(key, value, "a number of seconds, 0.05 or more")
    return seconds


# Segments of a path in plain characters: nothing encoded, and no `//`, which would begin with a host.
_PREFIX = re.compile(r"(?:/[\w.~!$&'()*+,;=:@-]+)*", re.ASCII)


def is_prefix(text: str) -> bool:
    """Return True for the beginning of a path, without a slash at its end."""
    return _PREFIX.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


# RFC 9110 section 5.1.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)


def a_header(key: str, value: str) -> str:
    """Read the name of a header."""
    if not _TOKEN.fullmatch(value):
        raise OptionError(key, value, "the name of a header, as in x-request-id")
    return value.lower()


def a_prefix(key: str, value: str) -> str:
    """Read the beginning of a path."""
    if not is_prefix(value.rstrip("/")):
        raise OptionError(key, value, "a path of plain segments, as in /shop")
    return value.rstrip("/")


def a_path(key: str, value: str) -> str:
    """Read the path of a URL."""
    if not value.startswith("/") or any(each in value for each in "?#% "):
        raise OptionError(key, value, "a path without a query, as in /healthz")
    return value


def one_of(*words: str) -> Reader:
    """Return a reader of one of these words."""

    def read(key: str, value: str) -> str:
        if value not in words:
            raise OptionError(key, value, f"{', '.join(words[:-1])} or {words[-1]}")
        return value

    return read


def peers(key: str, value: str) -> Peers:
    """Read addresses, networks and the word unix."""
    try:
        return parse_peers(value)
    except ValueError as error:
        raise OptionError(key, value, f"a list of addresses, networks and the word unix ({error})") from error


def lines(key: str, value: str) -> tuple[str, ...]:
    """Read texts, one a line."""
    return tuple(value.splitlines())


def words(key: str, value: str) -> tuple[str, ...]:
    """Read words with spaces or commas between them."""
    return tuple(value.replace(",", " ").split())


def protocols(key: str, value: str) -> tuple[Spoken, ...]:
    """Read the protocols of all sockets, or of one."""
    try:
        return tuple(map(parse_protocols, value.splitlines()))
    except ValueError as error:
        allowed = f"a list of {', '.join(PROTOCOLS)}, more than websocket alone; or ADDRESS=LIST"
        raise OptionError(key, str(error), allowed) from None


def codings(key: str, value: str) -> tuple[str, ...]:
    """Read the codings that responses may have, the preferred one first; a word for no stands for none."""
    named = () if value.lower() in OFF else words(key, value.lower())
    if not set(named) <= {"gzip", "br", "zstd"}:
        raise OptionError(key, value, "a list of gzip, br and zstd, or off")
    return tuple(dict.fromkeys(named))


def headers(key: str, value: str) -> tuple[tuple[bytes, bytes], ...]:
    """Read HTTP headers; their names become lower case."""
    return tuple(_header(key, line) for line in value.splitlines())


def _header(key: str, line: str) -> tuple[bytes, bytes]:
    name, colon, content = line.partition(":")
    if not (colon and name.strip()):
        raise OptionError(key, line, "Name: value")
    return name.strip().lower().encode("latin-1"), content.strip().encode("latin-1")


def directories(key: str, value: str) -> tuple[StaticMap, ...]:
    """Read directories whose files are served in the app's place."""
    return tuple(map(parse_directory, value.splitlines()))


def static_maps(key: str, value: str) -> tuple[StaticMap, ...]:
    """Read directories under prefixes of the path; with `static-map2` the prefix is a part of the files' names."""
    try:
        return tuple(parse_map(line, key.endswith("2")) for line in value.splitlines())
    except ValueError as error:
        raise OptionError(key, str(error), "/prefix=/directory") from None


def expires(key: str, value: str) -> tuple[ExpiresRule, ...]:
    """Read patterns, each with the seconds for which a file may be kept."""
    return _rules(key, value, parse_expires, "a regular expression, a space and seconds")


def type_expires(key: str, value: str) -> tuple[ExpiresRule, ...]:
    """Read content types, each with the seconds for which a file may be kept."""
    return _rules(key, value, parse_type_expires, "type=seconds, as in text/css=3600")


def _rules(key: str, value: str, parse: Callable[[str, bool], ExpiresRule], allowed: str) -> tuple[ExpiresRule, ...]:
    try:
        return tuple(parse(line, key.endswith("-mtime")) for line in value.splitlines())
    except ValueError:
        raise OptionError(key, value, allowed) from None


def patterns(key: str, value: str) -> tuple[re.Pattern[str], ...]:
    """Read regular expressions, one a line."""
    try:
        return tuple(map(re.compile, value.splitlines()))
    except re.error as error:
        raise OptionError(key, value, f"a regular expression ({error})") from None
