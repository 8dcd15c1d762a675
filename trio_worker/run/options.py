"""The options of uWSGI for a run, in the order in which they are given to it."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from trio_worker.check.binary import is_pyuwsgi
from trio_worker.run.arguments import Settings

PACKAGE = Path(__file__).parents[1]

Option = tuple[str, str]

# Connections that may wait while no worker accepts, where the kernel allows so many.
BACKLOG = 1024


def options_of(settings: Settings, plugin: Path | None) -> list[Option]:
    """Return the options of a run.

    Args:
        settings: the run.
        plugin: the native plugin, None to do without.

    Raises:
        ValueError: an option that was given is none.
    """
    return [
        *_process(settings, plugin),
        *_app(settings),
        *_sockets(settings),
        *_logs(settings),
        *map(_given, settings.options),
    ]


def ini_of(options: list[Option]) -> str:
    """Return them as an ini."""
    return "\n".join(["[uwsgi]", *(f"{name} = {value}" for name, value in options), ""])


def _process(settings: Settings, plugin: Path | None) -> Iterator[Option]:
    if plugin is not None:
        yield "plugin", str(plugin)
    yield "python-worker-override", str(PACKAGE / "override.py")
    yield "py-call-uwsgi-fork-hooks", "true"
    yield "master", "true"
    yield "enable-threads", "true"
    yield "shared-import", "trio_worker.early_signals"
    yield "processes", str(settings.workers)
    if is_pyuwsgi():  # A script, which finds itself for a reload only where it is told by what it is run.
        yield "binary-path", sys.executable
    yield "worker-reload-mercy", "60"
    yield "hook-master-start", "unix_signal:15 gracefully_kill_them_all"
    yield "hook-master-start", "unix_signal:17 worker_wakeup"
    if plugin is None:
        command = shlex.join([sys.executable, "-m", "trio_worker", "metrics", "--workers", str(settings.workers)])
        yield "ini", f"exec://{command}"


def _app(settings: Settings) -> Iterator[Option]:
    if sys.prefix != sys.base_prefix:
        yield "virtualenv", sys.prefix
    yield "pythonpath", os.getcwd()
    yield "module", settings.app
    yield "lazy-apps", "true"
    yield "need-app", "true"
    if settings.reload:
        yield "py-autoreload", "1"
        yield "trio-live-reload", "true"
    if settings.engine:
        yield "trio-engine", settings.engine


def _sockets(settings: Settings) -> Iterator[Option]:
    for address in settings.bind:
        yield "socket", socket_of(address)
    if settings.status:
        yield "socket", socket_of(settings.status)
        yield "trio-status", socket_of(settings.status)
    yield "listen", str(min(BACKLOG, _somaxconn()))
    yield "buffer-size", "32768"
    yield "vacuum", "true"
    for name in ("certfile", "keyfile"):
        if value := getattr(settings, name):
            yield f"trio-{name}", value


def _logs(settings: Settings) -> Iterator[Option]:
    if not settings.access_log:
        yield "disable-logging", "true"
    if settings.log_json:
        yield "trio-log-json", "true"


def _given(text: str) -> Option:
    name, sign, value = text.partition("=")
    if not name or name.startswith("-"):
        raise ValueError(f"--set {text}: allowed is option=value, as in --set harakiri=30")
    return name.strip(), value.strip() if sign else "true"


def socket_of(address: str) -> str:
    """Return an address as uWSGI writes it."""
    return address.removeprefix("unix:")


def url_of(address: str, tls: bool) -> str:
    """Return an address as a browser writes it; the path of a UNIX socket stands for itself."""
    name = socket_of(address)
    if name.startswith("/") or ":" not in name:
        return name
    host, _, port = name.rpartition(":")
    shown = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return f"{'https' if tls else 'http'}://{shown}:{port}/"


def _somaxconn() -> int:
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except (OSError, ValueError):
        return 100
