"""
The blocks of a configuration: `if-exists = x` ... `endif`, `for = a b` ... `endfor`.

uWSGI asks for each line of a block whether it counts, and how often: a loop gives the line once for each item, in the
place of its `%(_)`. Source: uwsgi_logic_opt_if_exists() and its like in core/config.c of uWSGI 2.0.
"""

import glob
import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

BLOCK_ENDS = frozenset({"end", "endfor", "end-for", "endif", "end-if"})

Items = tuple[str, ...]
"""The values of `%(_)`, one for each time that a line counts; none where it does not."""

_Look = Callable[[str, Mapping[str, str]], Items]


def items(key: str, argument: str, given: Mapping[str, str]) -> Items:
    """
    Return the items of a block for one of its lines.

    `given` are the settings so far, each with its first value.
    """
    return _LOOKS[key](argument, given)


def _if(holds: Callable[[str], bool], wanted: bool = True) -> _Look:
    return lambda argument, given: (argument,) if holds(argument) is wanted else ()


def _if_value(of: Callable[[Mapping[str, str]], Mapping[str, str]], wanted: bool = True) -> _Look:
    """Compare with `name` or `name=value`."""

    def look(argument: str, given: Mapping[str, str]) -> Items:
        name, equals, value = argument.partition("=")
        found = of(given).get(name)
        holds = found is not None and (not equals or found == value)
        return (found or "",) if holds is wanted else ()

    return look


def _lines(argument: str, given: Mapping[str, str]) -> Items:
    with suppress(OSError):
        return tuple(Path(argument).read_text("utf-8", "replace").splitlines())
    return ()


def _times(argument: str, given: Mapping[str, str]) -> Items:
    count = re.match(r"\s*\d+", argument)  # atoi()
    return tuple(str(number) for number in range(1, int(count[0]) + 1)) if count else ()


def _environment(given: Mapping[str, str]) -> Mapping[str, str]:
    return os.environ


def _settings(given: Mapping[str, str]) -> Mapping[str, str]:
    return given


def _plugins(argument: str, given: Mapping[str, str]) -> Items:
    named = f"{given.get('plugin', '')},{given.get('plugins', '')},{given.get('need-plugin', '')}".split(",")
    return (argument,) if argument in (*named, "python", "http", "fastrouter", "corerouter") else ()


def _hostname(argument: str) -> bool:
    return socket.gethostname() == argument


def _hostname_match(argument: str) -> bool:
    with suppress(re.error):
        return re.search(argument, socket.gethostname()) is not None
    return False


# A reload asks anew; what is read here is what holds at the start.
_LOOKS: dict[str, _Look] = {
    "for": lambda argument, given: tuple(filter(None, argument.split(" "))),
    "for-times": _times,
    "for-glob": lambda argument, given: tuple(sorted(glob.glob(argument))) or (argument,),
    "for-readline": _lines,
    "if-opt": _if_value(_settings),
    "if-not-opt": _if_value(_settings, False),
    "if-env": _if_value(_environment),
    "ifenv": _if_value(_environment),
    "if-not-env": _if_value(_environment, False),
    "if-reload": _if(lambda argument: False),
    "if-not-reload": _if(lambda argument: True),
    "if-exists": _if(os.path.exists),
    "ifexists": _if(os.path.exists),
    "if-not-exists": _if(os.path.exists, False),
    "if-file": _if(os.path.isfile),
    "if-not-file": _if(os.path.isfile, False),
    "if-dir": _if(os.path.isdir),
    "ifdir": _if(os.path.isdir),
    "if-directory": _if(os.path.isdir),
    "if-not-dir": _if(os.path.isdir, False),
    "if-plugin": _plugins,
    "ifplugin": _plugins,
    "if-not-plugin": lambda argument, given: () if _plugins(argument, given) else (argument,),
    "if-hostname": _if(_hostname),
    "if-not-hostname": _if(_hostname, False),
    "if-hostname-match": _if(_hostname_match),
    "if-not-hostname-match": _if(_hostname_match, False),
}

BLOCK_BEGINS = frozenset(_LOOKS)
LOOPS = frozenset({"for", "for-times", "for-glob", "for-readline"})
