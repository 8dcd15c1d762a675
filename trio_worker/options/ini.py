"""A reader of ini files that follows uWSGI's, and remembers where each setting stands.

A line is a section, a comment or a setting. There are no comments behind a value and no
continued lines; a key that occurs twice has a list of values. Only one section is read, [uwsgi] or the
one named behind the file's name (`uwsgi.ini:production`). From the file to a value it takes
three steps, each one of uWSGI's:

    magic variables   %d (the file's directory), %n (its name) ... replaced in the whole text
    inclusion         ini, include and inherit are followed where they stand
    placeholders      $(ENVIRONMENT), then %(key) by the first value of that key

What depends on the machine that uWSGI runs on (%h, @(exec://...), %(a + 1)) is left as it
stands. Blocks (if-exists ... endif, for ... endfor) are read as if they were entered once; their
settings are marked as conditional.

Sources: core/ini.c, core/config.c and config_magic_table_fill() of uWSGI 2.0.
"""

import enum
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

INCLUDING_KEYS = frozenset({"ini", "include", "inherit"})
SETTING_KEYS = frozenset({"set", "set-placeholder", "set-ph"})

_BLOCK_BEGINS = re.compile(
    r"for(-glob|-times|-readline)?|if(env|exists|plugin|dir)"
    r"|if-(not-)?(opt|env|reload|hostname|hostname-match|exists|plugin|file|dir|directory)"
)
_BLOCK_ENDS = frozenset({"end", "endfor", "end-for", "endif", "end-if"})

_MAGIC = re.compile(r"%(.)")
# Host, time, processors, user ...: left as they stand, and so is the % of a placeholder. uWSGI replaces
# every other letter by nothing: who writes a % must double it.
_MACHINE_MAGIC = frozenset("(bgGhijkItTuUVJ[0123456789")

_REFERENCE = re.compile(r"([$%])\(([^()\s]+)\)")
_UNRESOLVED = re.compile(r"[$%@]\(")

# A placeholder may refer to another one; uWSGI would follow a circle for ever.
_LONGEST_CHAIN = 16


_Files = tuple[tuple[str, str], ...]
"""Files being read, each with its section, the outermost first."""


class Unread(enum.Enum):
    """The reasons for which the file that a setting includes was not read."""

    MISSING = "uWSGI cannot read this file and does not start"
    CIRCLE = "this file includes itself"
    NOT_INI = "not an ini file: its settings are not checked"
    UNRESOLVED = "the name of the file depends on the machine: its settings are not checked"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of an ini file."""

    key: str
    value: str
    file: str
    line: int
    conditional: bool = False
    """True inside of an `if-` or `for` block."""
    raw: str = ""
    """The value before its placeholders were replaced."""
    unread: Unread | None = None

    @property
    def resolved(self) -> bool:
        """False where the value depends on the machine that uWSGI runs on."""
        return not _UNRESOLVED.search(self.value)


def read(path: str) -> list[Setting]:
    """Read the settings of an ini file and of those it includes, in the order in which uWSGI meets them.

    `path` may name a section behind a colon. Names of included files are relative to the
    working directory, as they are in uWSGI.

    Raises OSError where the file itself cannot be read; an included one is marked in its setting.
    """
    return _resolve(_Reader(path).read(path, ()))


class _Reader:
    """A reader that follows inclusions; the first file's magic variables hold in all of them."""

    def __init__(self, path: str) -> None:
        self._first = {letter.upper(): value for letter, value in _magic(*_split(path)).items()}

    def read(self, path: str, outer: _Files) -> list[Setting]:
        file, section = _split(path)
        text = Path(file).read_text("utf-8", "replace")
        text = _replace_magic(text, _magic(file, section) | self._first)
        inner = (*outer, (os.path.realpath(file), section or "uwsgi"))
        found: list[Setting] = []
        for setting in _settings(text, file, section or "uwsgi"):
            found += self._follow(setting, inner) if setting.key in INCLUDING_KEYS else [setting]
        return found

    def _follow(self, setting: Setting, outer: _Files) -> list[Setting]:
        path = setting.value
        if path.startswith(":"):  # another section of the same file
            path = setting.file + path
        file, section = _split(path)
        if unread := _why_unread(setting, file, section, outer):
            return [replace(setting, unread=unread)]
        included = self.read(path, outer)
        if setting.conditional:
            included = [replace(each, conditional=True) for each in included]
        return [setting, *included]


def _why_unread(setting: Setting, file: str, section: str, outer: _Files) -> Unread | None:
    if not setting.resolved:
        return _why_unresolved(setting)
    if "://" in setting.value:
        return Unread.UNRESOLVED
    # include and inherit judge by the end of the name, so they take no section either
    if setting.key != "ini" and not setting.value.endswith(".ini"):
        return Unread.NOT_INI if file == setting.value else Unread.MISSING
    if not os.access(file, os.R_OK) or os.path.isdir(file):
        return Unread.MISSING
    return Unread.CIRCLE if (os.path.realpath(file), section or "uwsgi") in outer else None


def _why_unresolved(setting: Setting) -> Unread:
    """Tell why a name with a placeholder in it was not followed."""
    # uWSGI follows ini and include before it replaces placeholders, all but those of a loop.
    is_late = setting.key == "inherit" or not _UNRESOLVED.search(setting.value.replace("%(_)", ""))
    return Unread.UNRESOLVED if is_late else Unread.MISSING


def _split(path: str) -> tuple[str, str]:
    file, colon, section = path.rpartition(":")
    return (file, section) if colon else (path, "")


def _magic(file: str, section: str) -> dict[str, str]:
    full = os.path.abspath(file) if os.path.islink(file) else os.path.realpath(file)
    directory, name = os.path.split(full)
    stem, dot, extension = name.rpartition(".")
    return {
        "o": f"{file}:{section}" if section else file,
        "p": full,
        "s": name,
        "d": directory.rstrip("/") + "/",
        "n": stem if dot else name,
        "e": extension if dot else "",
        "c": os.path.basename(directory),
        "x": section,
        "v": os.getcwd(),
        "%": "%",
    }


def _replace_magic(text: str, variables: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        return found[0] if found[1] in _MACHINE_MAGIC else variables.get(found[1], "")

    return _MAGIC.sub(value, text)


def _settings(text: str, file: str, asked: str) -> Iterator[Setting]:
    section, conditional = "", False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r")
        if line.startswith("["):
            section = line[1:-1]
        elif not line or line[0] in ";#" or section != asked:
            continue
        else:
            key, _, value = (part.strip(" \t\r") for part in line.partition("="))
            if _BLOCK_BEGINS.fullmatch(key) or key in _BLOCK_ENDS:
                conditional = key not in _BLOCK_ENDS
            else:
                setting = Setting(key, value, file, number, conditional, raw=value)
                yield setting
                if key in SETTING_KEYS:
                    yield from _set(setting)


def _set(setting: Setting) -> Iterator[Setting]:
    """Yield the option or placeholder that `set = key=value` sets."""
    key, equals, value = setting.value.partition("=")
    if equals:
        yield replace(setting, key=key, value=value, raw=value)


def _resolve(settings: list[Setting]) -> list[Setting]:
    first = _first_values(settings)
    return [replace(setting, value=_replaced(setting.value, first)) for setting in settings]


def _first_values(settings: list[Setting]) -> dict[str, str]:
    values: dict[str, str] = {}
    for setting in settings:
        values.setdefault(setting.key, setting.value)
    return values


def _replaced(value: str, first: dict[str, str]) -> str:
    def referred(found: re.Match[str]) -> str:
        values = os.environ if found[1] == "$" else first
        return values.get(found[2], found[0])

    for _ in range(_LONGEST_CHAIN):
        before, value = value, _REFERENCE.sub(referred, value)
        if value == before:
            break
    return value
