"""
Words that stand for something else in a configuration: %d in a file's text, $(NAME), @(file) and %(name) in a value.

Sources: config_magic_table_fill(), uwsgi_apply_config_pass() and uwsgi_manage_placeholder() of uWSGI 2.0.
"""

import grp
import os
import pwd
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

_MAGIC = re.compile(r"%(.)")
# The binary, inodes, times, the version: left as they stand, and so is the % of a placeholder. uWSGI replaces every
# letter that it does not know by nothing: who writes a % must double it.
_LEFT = frozenset("(bijIJtTV")

# A placeholder may refer to another one; uWSGI would follow a circle for ever.
_LONGEST_CHAIN = 16

_PASSES = {symbol: re.compile(re.escape(symbol) + r"\(((?:[^()]|\([^()]*\))+)\)") for symbol in "$@%"}

_WORD = re.compile(r"-?\d+")


def magic(file: str, section: str) -> dict[str, str]:
    """Return the variables that stand behind a % in the text of this file."""
    full = os.path.abspath(file) if os.path.islink(file) else os.path.realpath(file)
    directory, name = os.path.split(full)
    stem, dot, extension = name.rpartition(".")
    folders = directory.strip("/").split("/")
    return {
        "o": f"{file}:{section}" if section else file,
        "p": full,
        "s": name,
        "d": directory.rstrip("/") + "/",
        "n": stem if dot else name,
        "e": extension if dot else "",
        "c": os.path.basename(directory),
        "x": section,
        **dict(zip("0123456789", folders, strict=False)),
        **_machine(),
    }


def _machine() -> dict[str, str]:
    found = {
        "v": os.getcwd(),
        "h": socket.gethostname(),
        "k": str(os.cpu_count() or 1),
        "u": str(os.getuid()),
        "g": str(os.getgid()),
        "[": "\033",
        "%": "%",
    }
    found |= {"U": found["u"], "G": found["g"]}
    with suppress(KeyError):
        found["U"] = pwd.getpwuid(os.getuid()).pw_name
    with suppress(KeyError):
        found["G"] = grp.getgrgid(os.getgid()).gr_name
    return found


def replace_magic(text: str, variables: Mapping[str, str]) -> str:
    """Put the variables into the whole text of a file."""

    def value(found: re.Match[str]) -> str:
        return found[0] if found[1] in _LEFT else variables.get(found[1], "")

    return _MAGIC.sub(value, text)


def resolve(value: str, first: Mapping[str, str]) -> str:
    """
    Replace what stands for something else, in uWSGI's order: the environment, files, settings.

    `first` has the first value of every setting. What is not known stays as it is, as in uWSGI, and so does what a
    command would print.
    """
    value = _replaced("$", value, os.environ.get)
    value = _replaced("@", value, _content)
    return _replaced("%", value, lambda text: _setting(text, first))


def _replaced(symbol: str, value: str, look: Callable[[str], str | None]) -> str:
    if symbol not in value:
        return value
    for _ in range(_LONGEST_CHAIN):
        before = value
        value = _PASSES[symbol].sub(lambda found: found[0] if (new := look(found[1])) is None else new, value)
        if value == before:
            break
    return value


def _content(name: str) -> str | None:
    if "://" in name:
        return None
    with suppress(OSError):
        return Path(name).read_text("utf-8", "replace").rstrip("\n")
    return None


def _setting(text: str, first: Mapping[str, str]) -> str | None:
    """Look up a name, or compute: `%(processes * 2 + 1)` goes from left to right, and words in a row are joined."""
    if " " not in text:
        return first.get(text)
    value, operator = "", ""
    for word in filter(None, text.split(" ")):
        if word in ("++", "--"):
            value = str(_number(value) + (1 if word == "++" else -1))
        elif word in ("+", "-", "*", "/"):
            operator = word
            continue
        else:
            operand = word if word.isdecimal() else first.get(word, "")
            value = _computed(value, operator, operand)
        operator = ""
    return value


def _computed(left: str, operator: str, right: str) -> str:
    if not operator:
        return left + right
    a, b = _number(left), _number(right)
    if operator == "/":
        return str(int(a / b) if b else 0)
    return str({"+": a + b, "-": a - b, "*": a * b}[operator])


def _number(text: str) -> int:
    found = _WORD.match(text.strip())
    return int(found[0]) if found else 0
