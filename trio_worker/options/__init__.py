"""The ini, read once into one frozen dataclass, and the table of every option of uWSGI.

Keys of our own begin with `trio-`. A value that does not parse ends the start with the key, the value and what is
allowed; nothing is guessed.
"""

import re
import resource
import signal
from dataclasses import dataclass, field, fields
from typing import Any

from trio_worker.options.protocols import PROTOCOLS, Spoken
from trio_worker.options.raw import ALIASES, RawOptions, repeated, text
from trio_worker.options.static_map import ExpiresRule, StaticMap
from trio_worker.options.trust import LOOPBACK, NOBODY, Peers
from trio_worker.options.values import (
    Reader,
    UnknownOptionError,
    a_flag,
    a_header,
    a_number,
    a_path,
    a_prefix,
    a_text,
    a_time,
    a_window,
    an_interval,
    codings,
    directories,
    expires,
    headers,
    lines,
    one_of,
    patterns,
    peers,
    protocols,
    static_maps,
    type_expires,
    words,
)


def _descriptor_limit() -> int:
    """Return the number of descriptors, less some for the app's files and clients."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - 128, soft // 2)


def _option(key: str, parse: Reader, default: Any, many: bool = False) -> Any:
    """Make a field; with `many` its key may be given more than once, and each value is a line of what is parsed."""
    return field(default=default, metadata={"key": key, "parse": parse, "many": many})


# Types of content that get smaller by compression and have not been compressed already.
COMPRESSED_TYPES = ("text/*", "application/json", "application/javascript", "application/xml", "*+json", "*+xml")


@dataclass(frozen=True, slots=True)
class Options:
    """The options that this worker acts on; the key of each field in the ini and its default stand beside it."""

    # uWSGI's own.
    module: str | None = _option("module", a_text, None)
    wsgi: str | None = _option("wsgi", a_text, None)
    wsgi_file: str | None = _option("wsgi-file", a_text, None)
    file: str | None = _option("file", a_text, None)
    callable: str | None = _option("callable", a_text, None)
    chdir: str | None = _option("chdir", a_text, None)
    chdir2: str | None = _option("chdir2", a_text, None)
    imports: tuple[str, ...] = _option("import", lines, (), many=True)
    need_app: bool = _option("need-app", a_flag, False)
    worker_reload_mercy: float = _option("worker-reload-mercy", a_time, 60.0)
    skip_atexit: bool = _option("skip-atexit", a_flag, False)
    buffer_size: int = _option("buffer-size", a_number, 4096)
    limit_post: int = _option("limit-post", a_number, 0)
    chunked_input_limit: int = _option("chunked-input-limit", a_number, 0)
    disable_logging: bool = _option("disable-logging", a_flag, False)
    log_4xx: bool = _option("log-4xx", a_flag, False)
    log_5xx: bool = _option("log-5xx", a_flag, False)
    https_sockets: tuple[str, ...] = _option("https-socket", lines, (), many=True)
    enable_proxy_protocol: bool = _option("enable-proxy-protocol", a_flag, False)
    log_slow: int = _option("log-slow", a_number, 0)
    log_big: int = _option("log-big", a_number, 0)
    log_zero: bool = _option("log-zero", a_flag, False)
    log_sendfile: bool = _option("log-sendfile", a_flag, False)
    log_ioerror: bool = _option("log-ioerror", a_flag, False)
    log_micros: bool = _option("log-micros", a_flag, False)
    log_x_forwarded_for: bool = _option("log-x-forwarded-for", a_flag, False)
    log_date: str = _option("log-date", a_text, "")
    log_format_strftime: bool = _option("log-format-strftime", a_flag, False)
    max_requests: int = _option("max-requests", a_number, 0)
    max_requests_delta: int = _option("max-requests-delta", a_number, 0)
    min_worker_lifetime: int = _option("min-worker-lifetime", a_number, 10)
    reload_on_rss: int = _option("reload-on-rss", a_number, 0)
    reload_on_as: int = _option("reload-on-as", a_number, 0)
    reload_on_exception: bool = _option("reload-on-exception", a_flag, False)
    reload_on_exception_types: tuple[str, ...] = _option("reload-on-exception-type", lines, (), many=True)
    reload_on_exception_values: tuple[str, ...] = _option("reload-on-exception-value", lines, (), many=True)
    reload_on_exception_reprs: tuple[str, ...] = _option("reload-on-exception-repr", lines, (), many=True)
    harakiri: int = _option("harakiri", a_number, 0)
    harakiri_verbose: bool = _option("harakiri-verbose", a_flag, False)
    harakiri_graceful_timeout: int = _option("harakiri-graceful-timeout", a_number, 0)
    harakiri_graceful_signal: int = _option("harakiri-graceful-signal", a_number, signal.SIGTERM)
    harakiri_queue_threshold: int = _option("harakiri-queue-threshold", a_number, 0)
    memory_report: bool = _option("memory-report", a_flag, False)
    req_logger: str | None = _option("req-logger", a_text, None)
    log_format: str | None = _option("log-format", a_text, None)
    add_headers: tuple[tuple[bytes, bytes], ...] = _option("add-header", headers, (), many=True)
    check_static: tuple[StaticMap, ...] = _option("check-static", directories, (), many=True)
    static_maps2: tuple[StaticMap, ...] = _option("static-map2", static_maps, (), many=True)
    static_maps: tuple[StaticMap, ...] = _option("static-map", static_maps, (), many=True)
    static_index: tuple[str, ...] = _option("static-index", lines, (), many=True)
    static_safe: tuple[str, ...] = _option("static-safe", lines, (), many=True)
    static_skip_ext: tuple[str, ...] = _option("static-skip-ext", lines, (), many=True)
    static_expires: tuple[ExpiresRule, ...] = _option("static-expires", expires, (), many=True)
    static_expires_mtime: tuple[ExpiresRule, ...] = _option("static-expires-mtime", expires, (), many=True)
    static_expires_path_info: tuple[ExpiresRule, ...] = _option("static-expires-path-info", expires, (), many=True)
    static_expires_path_info_mtime: tuple[ExpiresRule, ...] = _option(
        "static-expires-path-info-mtime", expires, (), many=True
    )
    static_expires_uri: tuple[ExpiresRule, ...] = _option("static-expires-uri", expires, (), many=True)
    static_expires_uri_mtime: tuple[ExpiresRule, ...] = _option("static-expires-uri-mtime", expires, (), many=True)
    static_expires_type: tuple[ExpiresRule, ...] = _option("static-expires-type", type_expires, (), many=True)
    static_expires_type_mtime: tuple[ExpiresRule, ...] = _option(
        "static-expires-type-mtime", type_expires, (), many=True
    )
    static_gzip: tuple[re.Pattern[str], ...] = _option("static-gzip", patterns, (), many=True)
    static_gzip_all: bool = _option("static-gzip-all", a_flag, False)
    static_gzip_dirs: tuple[str, ...] = _option("static-gzip-dir", lines, (), many=True)
    static_gzip_exts: tuple[str, ...] = _option("static-gzip-ext", lines, (), many=True)
    websockets_max_size: int | None = _option("websockets-max-size", a_number, None)
    websockets_ping_freq: int | None = _option("websockets-ping-freq", a_number, None)
    websockets_pong_tolerance: int | None = _option("websockets-pong-tolerance", a_number, None)
    py_autoreload: int = _option("py-autoreload", a_number, 0)
    py_autoreload_ignore: tuple[str, ...] = _option("py-auto-reload-ignore", lines, (), many=True)
    lazy_apps: bool = _option("lazy-apps", a_flag, False)
    lazy: bool = _option("lazy", a_flag, False)
    # Our own. The keep-alive default outlasts what proxies keep their idle connections for (nginx: 60 s): the side that
    # may send the next request should be the one that closes.
    engine: str = _option("trio-engine", one_of("express", "hypercorn"), "express")
    hypercorn_config: str | None = _option("trio-hypercorn-config", a_text, None)
    quart_direct: bool = _option("trio-quart-direct", a_flag, True)
    root_path: str = _option("trio-root-path", a_prefix, "")
    h2c_upgrade: bool = _option("trio-h2c-upgrade", a_flag, False)
    half_close: bool = _option("trio-half-close", a_flag, False)
    websocket_deflate: int = _option("trio-websocket-deflate", a_window, 12)
    keepalive_timeout: float = _option("trio-keepalive-timeout", a_time, 75.0)
    header_timeout: float = _option("trio-header-timeout", a_time, 10.0)
    body_timeout: float = _option("trio-body-timeout", a_time, 30.0)
    body_rate: int = _option("trio-body-rate", a_number, 0)
    write_timeout: float = _option("trio-write-timeout", a_time, 30.0)
    drain_linger: float = _option("trio-drain-linger", a_time, 1.0)
    drain_delay: float = _option("trio-drain-delay", a_time, 0.0)
    drain_spread: float = _option("trio-drain-spread", a_time, 0.0)
    health: str | None = _option("trio-health", a_path, None)
    max_requests_in_flight: int = _option("trio-max-requests-in-flight", a_number, 0)
    queue_timeout: float = _option("trio-queue-timeout", a_time, 5.0)
    uwsgi_allow: Peers = _option("trio-uwsgi-allow", peers, LOOPBACK, many=True)  # noqa: RUF009
    proxy_allow: Peers = _option("trio-proxy-allow", peers, NOBODY, many=True)  # noqa: RUF009
    proxy_headers: str = _option("trio-proxy-headers", one_of("any", "x-forwarded", "forwarded"), "any")
    protocols: tuple[Spoken, ...] = _option("trio-protocols", protocols, (), many=True)
    certfile: str | None = _option("trio-certfile", a_text, None)
    keyfile: str | None = _option("trio-keyfile", a_text, None)
    ca_certs: str | None = _option("trio-ca-certs", a_text, None)
    client_certificates: str = _option("trio-client-certificates", one_of("required", "optional"), "required")
    certificates: tuple[str, ...] = _option("trio-certificate", lines, (), many=True)
    clear_text: bool = _option("trio-clear-text", a_flag, False)
    accepted_dead_rules: tuple[str, ...] = _option("trio-accept-dead-rules", words, (), many=True)
    live_reload: bool = _option("trio-live-reload", a_flag, False)
    compress: tuple[str, ...] = _option("trio-compress", codings, ())
    compress_types: tuple[str, ...] = _option("trio-compress-types", words, COMPRESSED_TYPES)
    compress_min: int = _option("trio-compress-min", a_number, 1000)
    max_connections: int = _option("trio-max-connections", a_number, _descriptor_limit())
    metrics_interval: float = _option("trio-metrics-interval", an_interval, 1.0)
    request_id: str = _option("trio-request-id", a_header, "")
    log_json: bool = _option("trio-log-json", a_flag, False)
    status: str = _option("trio-status", a_text, "")
    status_token: str = _option("trio-status-token", a_text, "")
    status_hosts: tuple[str, ...] = _option("trio-status-hosts", words, (), many=True)
    metrics_routes: int = _option("trio-metrics-routes", a_number, 100)
    proctitle: bool = _option("trio-proctitle", a_flag, True)
    date_header: bool = _option("trio-date-header", a_flag, True)
    server_header: bool = _option("trio-server-header", a_flag, True)


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
        seconds = str(a_number("socket-timeout", given["socket-timeout"]))  # so that an error names this key
        given = dict.fromkeys(("trio-body-timeout", "trio-write-timeout"), seconds) | given
    for key, value in given.items():
        if key.startswith("trio-") and key not in known:
            raise UnknownOptionError(key, value, [each for each in known if each.startswith("trio-")])
    return Options(
        **{each.name: each.metadata["parse"](key, given[key]) for key, each in known.items() if key in given}
    )


def own_defaults() -> dict[str, str]:
    """Return the default of every `trio-` option, in the words of an ini or of the docs."""
    special = {
        "trio-uwsgi-allow": "loopback",
        "trio-proxy-allow": "nobody",
        "trio-protocols": " ".join(PROTOCOLS),
        "trio-compress": "nothing",
        "trio-compress-types": " ".join(f"`{each}`" for each in COMPRESSED_TYPES),
        "trio-websocket-deflate": "on, with a window of 12 bits",
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
    return "" if default in (None, ()) else str(default)
