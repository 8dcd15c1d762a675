"""What the ini says, read once into one frozen dataclass.

uWSGI hands its configuration over as `uwsgi.opt`: keys as str, values as bytes (True for a flag without a value),
defaults left out. Keys of our own begin with `trio-`. A value that does not parse ends the start with the key, the
value and what is allowed; nothing is guessed.
"""

import contextlib
import os
import re
import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from trio_worker.ini import read as read_ini

RawOptions = Mapping[str, Any]

# The name of an ini file, and of a section in it.
_INI_NAME = re.compile(r"\.ini(:[^/]*)?$")


class OptionError(ValueError):
    """An option's value cannot be used.

    Args:
        key: as the ini has it.
        value: as the ini has it.
        allowed: what can stand there, in words.
    """

    def __init__(self, key: str, value: str, allowed: str) -> None:
        super().__init__(f"{key} = {value}: allowed is {allowed}")


def _text(key: str, value: str) -> str:
    return value


def _flag(key: str, value: str) -> bool:
    if value.lower() in ("true", "1", "yes", "on", ""):
        return True
    if value.lower() in ("false", "0", "no", "off"):
        return False
    raise OptionError(key, value, "true or false")


def _seconds(key: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise OptionError(key, value, "a number of seconds, 0 or more")
    return seconds


def _number(key: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise OptionError(key, value, "a whole number, 0 or more")
    return int(value)


def _engine(key: str, value: str) -> str:
    if value not in ("express", "hypercorn"):
        raise OptionError(key, value, "express or hypercorn")
    return value


def _descriptor_limit() -> int:
    """As many connections as there are descriptors, less some for the app's files and clients."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - 128, soft // 2)


def _option(key: str, parse: Callable[[str, str], Any], default: Any) -> Any:
    return field(default=default, metadata={"key": key, "parse": parse})


@dataclass(frozen=True, slots=True)
class Options:
    """Every option this worker acts on; each field's key in the ini and its default stand beside it."""

    # uWSGI's own.
    module: str | None = _option("module", _text, None)
    wsgi: str | None = _option("wsgi", _text, None)
    wsgi_file: str | None = _option("wsgi-file", _text, None)
    file: str | None = _option("file", _text, None)
    callable: str | None = _option("callable", _text, None)
    chdir: str | None = _option("chdir", _text, None)
    need_app: bool = _option("need-app", _flag, False)
    worker_reload_mercy: float = _option("worker-reload-mercy", _seconds, 60.0)
    buffer_size: int = _option("buffer-size", _number, 4096)
    limit_post: int = _option("limit-post", _number, 0)
    disable_logging: bool = _option("disable-logging", _flag, False)
    log_4xx: bool = _option("log-4xx", _flag, False)
    log_5xx: bool = _option("log-5xx", _flag, False)
    log_slow: int = _option("log-slow", _number, 0)
    log_format: str | None = _option("log-format", _text, None)
    # Our own. The keep-alive default outlasts what proxies keep their idle connections for (nginx: 60 s): the side that
    # may send the next request should be the one that closes.
    http1: str = _option("trio-http1", _engine, "express")
    hypercorn_config: str | None = _option("trio-hypercorn-config", _text, None)
    quart_direct: bool = _option("trio-quart-direct", _flag, True)
    keepalive_timeout: float = _option("trio-keepalive-timeout", _seconds, 75.0)
    header_timeout: float = _option("trio-header-timeout", _seconds, 10.0)
    body_timeout: float = _option("trio-body-timeout", _seconds, 30.0)
    write_timeout: float = _option("trio-write-timeout", _seconds, 30.0)
    drain_linger: float = _option("trio-drain-linger", _seconds, 1.0)
    max_connections: int = _option("trio-max-connections", _number, _descriptor_limit())
    metrics_interval: float = _option("trio-metrics-interval", _seconds, 1.0)
    date_header: bool = _option("trio-date-header", _flag, True)
    server_header: bool = _option("trio-server-header", _flag, True)


# Keys that uWSGI takes as another spelling of one above.
ALIASES = {"wsgi-mode": "module", "logformat": "log-format", "need-plugin": "plugin"}


def parse(raw: RawOptions) -> Options:
    """Read `uwsgi.opt`.

    Raises:
        OptionError: a value cannot be used, or a `trio-` key does not exist.
    """
    given = {ALIASES.get(key, key): text(value) for key, value in raw.items()}
    known = {each.metadata["key"]: each for each in fields(Options)}
    for key, value in given.items():
        if key.startswith("trio-") and key not in known:
            raise OptionError(key, value, "one of " + ", ".join(sorted(k for k in known if k.startswith("trio-"))))
    return Options(
        **{each.name: each.metadata["parse"](key, given[key]) for key, each in known.items() if key in given}
    )


def text(value: Any) -> str:
    """One value of `uwsgi.opt` as text; a repeated option that uWSGI kept whole gives its last value."""
    if isinstance(value, list):
        value = value[-1]
    if value is True:
        return "true"
    return value.decode() if isinstance(value, bytes) else str(value)


def repeated(raw: RawOptions, key: str) -> list[str]:
    """Every value of an option that may be given more than once.

    uWSGI keeps only the last one on Python 3; the others are read from the ini that it was started with.
    """
    value = raw.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return [text(each) for each in value]
    for file in _ini_files(raw):
        with contextlib.suppress(OSError):
            found = [each.value for each in read_ini(file) if each.key == key]
            if text(value) in found:
                return found
    return [text(value)]


def _ini_files(raw: RawOptions) -> Iterator[str]:
    """The files that may hold the configuration, the likeliest first.

    `ini` itself is an option that is given more than once where one file includes another: its last value is not the
    file that uWSGI was started with. The command line names that one, unless `procname` has written over it.
    """
    arguments = Path("/proc/self/cmdline").read_text("utf-8", "replace").split("\0")[1:]
    named = [each.removeprefix("--ini=") for each in arguments if _INI_NAME.search(each)]
    # Relative to where uWSGI was started: `chdir` may have moved us.
    yield from (os.path.join(os.environ.get("PWD", ""), each) for each in named)
    yield from named
    if "ini" in raw:
        yield text(raw["ini"])
