"""A reader of uWSGI's configuration files that follows uWSGI's own, and remembers where each setting stands.

From a file to a value it takes these steps, each one of uWSGI's:

    magic variables   %d (the file's directory), %n (its name) ... replaced in the whole text (placeholders.py)
    format            INI, YAML, XML or JSON; one section is read, [uwsgi] or the one named behind a colon (formats.py)
    blocks            if-exists ... endif, for ... endfor (blocks.py)
    inclusion         ini, include and the like are followed where they stand, inherit at the end
    own options       what `declare-option` has made of others
    placeholders      $(ENVIRONMENT), then @(file), then %(key) by the first value of that key (placeholders.py)

A key that occurs twice has two settings. What no block enters is read as well, and marked. What a command prints
(@(exec://...), ini = exec://...) is left as it stands: nothing is run.

Sources: core/ini.c and core/config.c of uWSGI 2.0.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from trio_worker.options import formats
from trio_worker.options.blocks import BLOCK_BEGINS, BLOCK_ENDS, LOOPS, items
from trio_worker.options.formats import BY_KEY, BY_SUFFIX, FormatError
from trio_worker.options.placeholders import magic, replace_magic, resolve
from trio_worker.options.setting import SETTING_KEYS, Setting, Unread

__all__ = ["Setting", "Unread", "read"]

# Options that uWSGI obeys where it reads them, before any placeholder has its value (UWSGI_OPT_IMMEDIATE).
IMMEDIATE_KEYS = frozenset(
    {"listen", "umask", "plugin", "plugins", "need-plugin", "need-plugins", "plugin-dir", "plugins-dir"}
)

_INCLUDING_KEYS = frozenset({*BY_KEY, "include", "inherit"})

_LISTS = {"blacklist": True, "whitelist": False}

_Files = tuple[tuple[str, str], ...]
"""Files being read, each with its section, the outermost first."""


def read(path: str, has_libyaml: bool = False) -> list[Setting]:
    """Read the settings of a file and of those it includes, in the order in which uWSGI meets them.

    Names of included files are relative to the working directory, as they are in uWSGI.

    Args:
        path: of the file; it may name a section behind a colon.
        has_libyaml: whether this uWSGI reads YAML by libyaml, instead of by its own reader.

    Raises:
        OSError: the file itself cannot be read; an included one is marked in its setting.
        FormatError: it is not in the format that its name promises.
    """
    return _Reader(path, has_libyaml).read_all(path)


class _Reader:
    """A reader that goes on through inclusions: the first file's magic variables and declarations hold in all."""

    def __init__(self, path: str, has_libyaml: bool) -> None:
        self._has_libyaml = has_libyaml
        self._first_file = {
            letter.upper(): value for letter, value in magic(*_split(path)).items() if letter in "odspcenx"
        }
        self._found: list[Setting] = []
        self._first: dict[str, str] = {}
        self._block: tuple[str, str] | None = None
        self._is_within = False
        """True in a file that a block includes: uWSGI looks at the block no more."""
        self._declared: dict[str, str] = {}
        self._lists: dict[str, frozenset[str]] = {}

    def read_all(self, path: str) -> list[Setting]:
        file, _ = _split(path)
        self._read(path, BY_SUFFIX.get(os.path.splitext(file)[1], formats.ini), ())
        found = [self._resolved(each) for each in self._found]
        # uWSGI takes up what is inherited when all else has been read and replaced.
        for at, setting in enumerate(found):
            if setting.key == "inherit" and setting.entered:
                self._found = []
                found[at] = self._include(setting, ())
                found += self._found
        return found

    def _read(self, path: str, reader: formats.Reader, outer: _Files) -> None:
        file, section = _split(path)
        text = Path(file).read_text("utf-8", "replace")
        text = replace_magic(text, magic(file, section) | self._first_file)
        inner = (*outer, (os.path.realpath(file), section or "uwsgi"))
        if reader is formats.yaml and self._has_libyaml:
            reader = formats.libyaml
        for key, value, number in reader(text, section or "uwsgi"):
            for setting in self._through_block(Setting(key, value, file, number)):
                self._add(setting, inner)

    def _through_block(self, line: Setting) -> Iterator[Setting]:
        """Yield a line as often as the block that it stands in has it."""
        if line.key in BLOCK_ENDS:
            self._block = self._block if self._is_within else None
        elif self._is_within:
            yield replace(line, conditional=True)
        elif self._block is None:
            yield line
        else:
            key, argument = self._block
            found = items(key, argument, self._first)
            line = replace(line, conditional=key not in LOOPS)
            if not found and key not in LOOPS:
                yield replace(line, entered=False)
            for item in found:
                yield replace(line, value=line.value.replace("%(_)", item))

    def _add(self, setting: Setting, files: _Files) -> None:
        key = setting.key
        if not setting.entered:
            self._found.append(replace(setting, raw=setting.value))
        elif key in BLOCK_BEGINS and self._block is not None:
            self._keep(replace(setting, refused="uWSGI knows no block within a block, and does not start"))
        elif key in BLOCK_BEGINS:
            self._block = (key, setting.value)
            self._found.append(replace(setting, raw=setting.value))
        elif key in _INCLUDING_KEYS and key != "inherit":
            self._keep(setting)
            at = len(self._found) - 1
            self._found[at] = self._include(self._found[at], files)
        else:
            self._keep(replace(setting, refused=self._forbidden(key)))
            for each in self._meant(setting):
                self._keep(each)

    def _keep(self, setting: Setting) -> None:
        self._found.append(replace(setting, raw=setting.value))
        self._first.setdefault(setting.key, setting.value)

    def _forbidden(self, key: str) -> str:
        for name, is_black in _LISTS.items():
            if name in self._lists and (key in self._lists[name]) is is_black:
                return f"forbidden by the {name}: uWSGI does not start"
        return ""

    def _meant(self, setting: Setting) -> Iterator[Setting]:
        """Yield the settings that this one sets, as `set` and options of the file's own do."""
        key, value = setting.key, setting.value
        name, equals, rest = value.partition("=")
        if key in _LISTS:
            self._lists[key] = frozenset(value.split())
        elif key.removeprefix("end-") in _LISTS:
            self._lists.pop(key.removeprefix("end-"), None)
        elif key in SETTING_KEYS and equals:
            yield replace(setting, key=name, value=rest)
        elif key in ("declare-option", "declare-option2") and equals:
            self._declared[name] = rest
        elif key in self._declared:
            for part in filter(None, self._declared[key].split(";")):
                name, _, template = part.partition("=")
                yield replace(setting, key=_filled(name, value), value=_filled(template, value))

    def _include(self, setting: Setting, files: _Files) -> Setting:
        """Read the file that a setting names; returns the setting, marked where that was not possible."""
        path = setting.value
        if path.startswith(":") and setting.key == "ini":  # another section of the same file
            path = setting.file + path
        reader = BY_KEY.get(setting.key) or BY_SUFFIX.get(os.path.splitext(path)[1])
        if unread := _why_unread(setting, path, reader, files):
            return replace(setting, unread=unread)
        assert reader is not None
        outer, self._is_within = self._is_within, self._is_within or self._block is not None
        try:
            self._read(path, reader, files)
        except FormatError as error:
            return replace(setting, refused=f"{error}: uWSGI does not start")
        finally:
            self._is_within = outer
        return setting

    def _resolved(self, setting: Setting) -> Setting:
        if setting.key in IMMEDIATE_KEYS or setting.key in BY_KEY or setting.key == "include":
            return setting
        return replace(setting, value=resolve(setting.value, self._first))


def _why_unread(setting: Setting, path: str, reader: formats.Reader | None, outer: _Files) -> Unread | None:
    file, section = _split(path)
    if "://" in path:
        # Of these, only `inherit` is followed when placeholders have their values.
        return Unread.MISSING if "(" in path and setting.key != "inherit" else Unread.UNRESOLVED
    if reader is None or not os.access(file, os.R_OK) or os.path.isdir(file):
        return Unread.UNRESOLVED if setting.key == "inherit" and not setting.resolved else Unread.MISSING
    return Unread.CIRCLE if (os.path.realpath(file), section or "uwsgi") in outer else None


def _filled(template: str, value: str) -> str:
    for number, argument in enumerate(filter(None, value.split(" ")), 1):
        template = template.replace(f"${number}", argument)
    return template


def _split(path: str) -> tuple[str, str]:
    file, colon, section = path.rpartition(":")
    return (file, section) if colon else (path, "")
