"""The configuration as uWSGI hands it over: `uwsgi.opt`, or the list that the plugin reads.

Keys are str, values bytes, True for a flag without a value; defaults are left out.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trio_worker.options.formats import BY_KEY, FormatError
from trio_worker.options.ini import read as read_ini

RawOptions = Mapping[str, Any]

# The name of a configuration file, and of a section in it; and the options that name one.
_FILE_NAME = re.compile(r"\.(ini|xml|ya?ml|json|js)(:[^/]*)?$")
_FILE_OPTION = re.compile(r"^--(ini|xml|ya?ml|json|js)=")

# Other names of the options that a worker reads. They stand in table.toml too, in which a test looks for them: reading
# that takes 60 ms, which a worker need not wait for at its start.
ALIASES = {
    "log-prefix": "log-date",
    "static-check": "check-static",
    "logdate": "log-date",
    "logformat": "log-format",
    "logformat-strftime": "log-format-strftime",
    "logger-req": "req-logger",
    "need-plugin": "plugin",
    "py-auto-reload": "py-autoreload",
    "py-import": "import",
    "pyimport": "import",
    "python-auto-reload": "py-autoreload",
    "python-autoreload": "py-autoreload",
    "python-import": "import",
    "static-gzip-prefix": "static-gzip-dir",
    "static-gzip-suffix": "static-gzip-ext",
    "websocket-max-size": "websockets-max-size",
    "websocket-ping-freq": "websockets-ping-freq",
    "websocket-pong-tolerance": "websockets-pong-tolerance",
    "wsgi-mode": "module",
}


def collect(pairs: Iterable[tuple[str, Any]]) -> RawOptions:
    """Bring the configuration that the plugin lists into the form of `uwsgi.opt`; a repeated option becomes a list."""
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {key: found[0] if len(found) == 1 else found for key, found in values.items()}


def text(value: Any) -> str:
    """Return a value of `uwsgi.opt` as text, of a list its last one."""
    if isinstance(value, list):
        value = value[-1]
    if value is True:
        return "true"
    return value.decode() if isinstance(value, bytes) else str(value)


def repeated(raw: RawOptions, key: str) -> list[str]:
    """Return every value of an option that may be given more than once.

    uWSGI keeps only the last one on Python 3; the others are read from the ini that it was started with.
    """
    value = raw.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return [text(each) for each in value]
    for file in _files(raw):
        with contextlib.suppress(OSError, FormatError):
            settings = [each for each in read_ini(file) if each.key == key]
            if any(each.value == text(value) for each in settings):
                # uWSGI keeps the last value, so only of its block is it known that uWSGI has entered it.
                found = [each.value for each in settings if not each.conditional]
                return found if text(value) in found else [*found, text(value)]
    return [text(value)]


def _files(raw: RawOptions) -> Iterator[str]:
    """Yield the files that may hold the configuration, the likeliest first.

    `ini` itself is an option that is given more than once where one file includes another: its last value is not the
    file that uWSGI was started with. The command line names that one, unless `procname` has written over it.
    """
    named = _OWN_FILES
    # Relative to where uWSGI was started: `chdir` may have moved us.
    yield from (os.path.join(os.environ.get("PWD", ""), each) for each in named)
    yield from named
    yield from (text(raw[key]) for key in BY_KEY if key in raw)


def named_files(process: str) -> list[str]:
    """Return the configuration files that the command line of a process names; `process` is its number, or self."""
    with contextlib.suppress(OSError):
        arguments = Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace").split("\0")[1:]
        return [_FILE_OPTION.sub("", each) for each in arguments if _FILE_NAME.search(each)]
    return []


# As the worker begins: later its title stands where its arguments were (worker/title.py).
_OWN_FILES = named_files("self")
