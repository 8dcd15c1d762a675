"""What the ini says, read once into one frozen dataclass.

uWSGI hands its configuration over as `uwsgi.opt`: keys as str, values as bytes (True for a flag without a value),
defaults left out. Keys of our own begin with `trio-`. A value that does not parse ends the start with the key, the
value and what is allowed; nothing is guessed.
"""

import contextlib
import os
import re
import resource
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from trio_worker.ini import read as read_ini
from trio_worker.static_files import StaticMap, parse_directory, parse_map
from trio_worker.trust import LOOPBACK, NOBODY, Peers, parse_peers

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


def _interval(key: str, value: str) -> float:
    seconds = _seconds(key, value)
    if seconds < 0.05:
        raise OptionError(key, value, "a number of seconds, 0.05 or more")
    return seconds


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


def _peers(key: str, value: str) -> Peers:
    try:
        return parse_peers(value)
    except ValueError as error:
        raise OptionError(key, value, f"a list of addresses, networks and the word unix ({error})") from error


def _headers(key: str, value: str) -> tuple[tuple[bytes, bytes], ...]:
    headers = []
    for line in _lines(key, value):
        name, colon, content = line.partition(":")
        if not (colon and name.strip()):
            raise OptionError(key, line, "Name: value")
        headers.append((name.strip().lower().encode("latin-1"), content.strip().encode("latin-1")))
    return tuple(headers)


def _directories(key: str, value: str) -> tuple[StaticMap, ...]:
    return tuple(map(parse_directory, _lines(key, value)))


def _static_maps(key: str, value: str) -> tuple[StaticMap, ...]:
    try:
        return tuple(map(parse_map, _lines(key, value)))
    except ValueError as error:
        raise OptionError(key, str(error), "/prefix=/directory") from None


def _descriptor_limit() -> int:
    """As many connections as there are descriptors, less some for the app's files and clients."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - 128, soft // 2)


def _proxy_headers(key: str, value: str) -> str:
    if value not in ("any", "x-forwarded", "forwarded"):
        raise OptionError(key, value, "any, x-forwarded or forwarded")
    return value


def _lines(key: str, value: str) -> tuple[str, ...]:
    return tuple(value.splitlines())


def _client_certificates(key: str, value: str) -> str:
    if value not in ("required", "optional"):
        raise OptionError(key, value, "required or optional")
    return value


def _option(key: str, parse: Callable[[str, str], Any], default: Any, many: bool = False) -> Any:
    """A field; `many` is whether its key may be given more than once, each value then a line of what is parsed."""
    return field(default=default, metadata={"key": key, "parse": parse, "many": many})


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
    chdir2: str | None = _option("chdir2", _text, None)
    imports: tuple[str, ...] = _option("import", _lines, (), many=True)
    need_app: bool = _option("need-app", _flag, False)
    worker_reload_mercy: float = _option("worker-reload-mercy", _seconds, 60.0)
    buffer_size: int = _option("buffer-size", _number, 4096)
    limit_post: int = _option("limit-post", _number, 0)
    chunked_input_limit: int = _option("chunked-input-limit", _number, 0)
    disable_logging: bool = _option("disable-logging", _flag, False)
    log_4xx: bool = _option("log-4xx", _flag, False)
    log_5xx: bool = _option("log-5xx", _flag, False)
    https_sockets: tuple[str, ...] = _option("https-socket", _lines, (), many=True)
    enable_proxy_protocol: bool = _option("enable-proxy-protocol", _flag, False)
    log_slow: int = _option("log-slow", _number, 0)
    log_big: int = _option("log-big", _number, 0)
    log_zero: bool = _option("log-zero", _flag, False)
    log_sendfile: bool = _option("log-sendfile", _flag, False)
    log_ioerror: bool = _option("log-ioerror", _flag, False)
    log_micros: bool = _option("log-micros", _flag, False)
    log_x_forwarded_for: bool = _option("log-x-forwarded-for", _flag, False)
    log_date: str = _option("log-date", _text, "")
    log_format_strftime: bool = _option("log-format-strftime", _flag, False)
    max_requests: int = _option("max-requests", _number, 0)
    max_requests_delta: int = _option("max-requests-delta", _number, 0)
    min_worker_lifetime: int = _option("min-worker-lifetime", _number, 10)
    reload_on_rss: int = _option("reload-on-rss", _number, 0)
    reload_on_as: int = _option("reload-on-as", _number, 0)
    reload_on_exception: bool = _option("reload-on-exception", _flag, False)
    reload_on_exception_types: tuple[str, ...] = _option("reload-on-exception-type", _lines, (), many=True)
    reload_on_exception_values: tuple[str, ...] = _option("reload-on-exception-value", _lines, (), many=True)
    reload_on_exception_reprs: tuple[str, ...] = _option("reload-on-exception-repr", _lines, (), many=True)
    harakiri: int = _option("harakiri", _number, 0)
    harakiri_verbose: bool = _option("harakiri-verbose", _flag, False)
    harakiri_graceful_timeout: int = _option("harakiri-graceful-timeout", _number, 0)
    harakiri_graceful_signal: int = _option("harakiri-graceful-signal", _number, signal.SIGTERM)
    harakiri_queue_threshold: int = _option("harakiri-queue-threshold", _number, 0)
    memory_report: bool = _option("memory-report", _flag, False)
    req_logger: str | None = _option("req-logger", _text, None)
    log_format: str | None = _option("log-format", _text, None)
    add_headers: tuple[tuple[bytes, bytes], ...] = _option("add-header", _headers, (), many=True)
    check_static: tuple[StaticMap, ...] = _option("check-static", _directories, (), many=True)
    static_maps: tuple[StaticMap, ...] = _option("static-map", _static_maps, (), many=True)
    websockets_max_size: int | None = _option("websockets-max-size", _number, None)
    websockets_ping_freq: int | None = _option("websockets-ping-freq", _number, None)
    websockets_pong_tolerance: int | None = _option("websockets-pong-tolerance", _number, None)
    py_autoreload: int = _option("py-autoreload", _number, 0)
    py_autoreload_ignore: tuple[str, ...] = _option("py-auto-reload-ignore", _lines, (), many=True)
    lazy_apps: bool = _option("lazy-apps", _flag, False)
    lazy: bool = _option("lazy", _flag, False)
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
    uwsgi_allow: Peers = _option("trio-uwsgi-allow", _peers, LOOPBACK, many=True)  # noqa: RUF009
    proxy_allow: Peers = _option("trio-proxy-allow", _peers, NOBODY, many=True)  # noqa: RUF009
    proxy_headers: str = _option("trio-proxy-headers", _proxy_headers, "any")
    certfile: str | None = _option("trio-certfile", _text, None)
    keyfile: str | None = _option("trio-keyfile", _text, None)
    ca_certs: str | None = _option("trio-ca-certs", _text, None)
    client_certificates: str = _option("trio-client-certificates", _client_certificates, "required")
    max_connections: int = _option("trio-max-connections", _number, _descriptor_limit())
    metrics_interval: float = _option("trio-metrics-interval", _interval, 1.0)
    date_header: bool = _option("trio-date-header", _flag, True)
    server_header: bool = _option("trio-server-header", _flag, True)


# Keys that uWSGI takes as another spelling of one above.
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
    "websocket-max-size": "websockets-max-size",
    "websocket-ping-freq": "websockets-ping-freq",
    "websocket-pong-tolerance": "websockets-pong-tolerance",
    "wsgi-mode": "module",
}


def parse(raw: RawOptions) -> Options:
    """Read `uwsgi.opt`.

    Raises:
        OptionError: a value cannot be used, or a `trio-` key does not exist.
    """
    given = {ALIASES.get(key, key): text(value) for key, value in raw.items()}
    known = {each.metadata["key"]: each for each in fields(Options)}
    many = {key for key, each in known.items() if each.metadata["many"]}
    given |= {ALIASES.get(key, key): "\n".join(repeated(raw, key)) for key in raw if ALIASES.get(key, key) in many}
    if "socket-timeout" in given:
        given = dict.fromkeys(("trio-body-timeout", "trio-write-timeout"), given["socket-timeout"]) | given
    for key, value in given.items():
        if key.startswith("trio-") and key not in known:
            raise OptionError(key, value, "one of " + ", ".join(sorted(k for k in known if k.startswith("trio-"))))
    return Options(
        **{each.name: each.metadata["parse"](key, given[key]) for key, each in known.items() if key in given}
    )


def collect(pairs: Iterable[tuple[str, Any]]) -> RawOptions:
    """The complete configuration, as the plugin lists it, in the form of `uwsgi.opt`; a repeated option is a list."""
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {key: found[0] if len(found) == 1 else found for key, found in values.items()}


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


def own_defaults() -> dict[str, str]:
    """The default of every `trio-` option, in the words of an ini or of the README."""
    special = {
        "trio-uwsgi-allow": "loopback",
        "trio-proxy-allow": "nobody",
        "trio-max-connections": "what RLIMIT_NOFILE allows",
    }
    defaults = {}
    for each in fields(Options):
        key, default = each.metadata["key"], each.default
        if key.startswith("trio-"):
            defaults[key] = special.get(key) or _in_words(default)
    return defaults


def _in_words(default: Any) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default is None else str(default)
