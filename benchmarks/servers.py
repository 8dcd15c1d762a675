"""The worker and its peers: how each is started, and how an operator of it asks for a reload.

Each serves one application with its own recommended extras installed, request logging off unless asked for, a
backlog that the load never fills, and idle connections kept for longer than any measurement lasts.
"""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trio_worker.master.native.build import build

from .site import BACKLOG, IDLE_SECONDS, Site
from .uwsgi_ini import write_trio_ini, write_wsgi_ini


class Flavour(StrEnum):
    """Which twin of an application a server can run."""

    TRIO = "trio"
    ASYNCIO = "asyncio"
    WSGI = "wsgi"


class Trigger(StrEnum):
    """What asks for a reload: a signal to the master process, or a command in uWSGI's master FIFO."""

    HANGUP = "SIGHUP"
    CHAIN = "chain"


@dataclass(frozen=True)
class Server:
    """One way to serve an application.

    `missing` names what has to be there before `command` can work: a module, a program or a file.
    """

    name: str
    flavour: Flavour
    command: Callable[[Site], list[str]]
    missing: Callable[[Site], str | None]
    triggers: tuple[Trigger, ...] = (Trigger.HANGUP,)
    h2c: bool = False


def _needs(*modules: str) -> Callable[[Site], str | None]:
    def missing(site: Site) -> str | None:
        absent = [module for module in modules if importlib.util.find_spec(module) is None]
        return f"not installed: {', '.join(absent)} (pip install 'trio-worker[bench]')" if absent else None

    return missing


def _needs_override(site: Site) -> str | None:
    return _needs_uwsgi(site) if site.override.is_file() else f"no such file: {site.override}"


def _needs_uwsgi(site: Site) -> str | None:
    return None if _uwsgi_program() else "not installed: uwsgi (pip install 'trio-worker[uwsgi]')"


def _uwsgi_program() -> str | None:
    """The uWSGI of this virtual environment before the system's."""
    beside = Path(sys.executable).with_name("uwsgi")
    return str(beside) if beside.is_file() else shutil.which("uwsgi")


def _uwsgi(ini: Path) -> list[str]:
    return [_uwsgi_program() or "uwsgi", "--ini", str(ini)]


def _module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", name, *map(str, arguments)]


def _trio_worker(options: Mapping[str, str] | None = None) -> Callable[[Site], list[str]]:
    return lambda site: _uwsgi(write_trio_ini(site, options or {}))


def _trio_worker_with_plugin(site: Site) -> list[str]:
    plugin = build(Path(_uwsgi_program() or "uwsgi"), site.folder)
    return _uwsgi(write_trio_ini(site, {"plugin": str(plugin)}))


# In the folder of a site.
STATUS_SOCKET = "status.sock"


def _trio_worker_with_status(site: Site) -> list[str]:
    path = str(site.folder / STATUS_SOCKET)
    return _uwsgi(write_trio_ini(site, {"socket": path, "trio-status": path}))


def _wsgi(site: Site) -> list[str]:
    return _uwsgi(write_wsgi_ini(site))


def _hypercorn(kind: str) -> Callable[[Site], list[str]]:
    def command(site: Site) -> list[str]:
        bind = f"unix:{site.unix}" if site.unix else f"127.0.0.1:{site.port}"
        logging = ("--access-logfile", "-") if site.logs_requests else ()
        return _module(
            "hypercorn", "-k", kind, "-w", site.workers, "-b", bind, "--backlog", BACKLOG,
            "--keep-alive", IDLE_SECONDS, *_tls(site, "--certfile", "--keyfile"), *logging, site.app,
        )  # fmt: skip

    return command


def _tls(site: Site, certificate: str, key: str) -> tuple[object, ...]:
    """Name the one file that holds both by the server's own two options."""
    return (certificate, site.certificate, key, site.certificate) if site.certificate else ()


def _uvicorn(*options: str) -> Callable[[Site], list[str]]:
    def command(site: Site) -> list[str]:
        bind = ("--uds", site.unix) if site.unix else ("--host", "127.0.0.1", "--port", site.port)
        logging = "--access-log" if site.logs_requests else "--no-access-log"
        return _module(
            "uvicorn", *bind, "--workers", site.workers, "--backlog", BACKLOG, *options,
            "--timeout-keep-alive", IDLE_SECONDS, *_tls(site, "--ssl-certfile", "--ssl-keyfile"), logging, site.app,
        )  # fmt: skip

    return command


def _gunicorn(site: Site) -> list[str]:
    bind = f"unix:{site.unix}" if site.unix else f"127.0.0.1:{site.port}"
    logging = ("--access-logfile", "-") if site.logs_requests else ()
    protocol = ("--protocol", "uwsgi") if site.uwsgi_protocol else ()
    return _module(
        "gunicorn", "-k", "asgi", "-w", site.workers, "-b", bind, "--backlog", BACKLOG,
        "--keep-alive", IDLE_SECONDS, "--worker-connections", site.connections,
        "--no-control-socket", *_tls(site, "--certfile", "--keyfile"), *protocol, *logging, site.app,
    )  # fmt: skip


def _granian(site: Site) -> list[str]:
    bind = ("--uds", site.unix) if site.unix else ("--host", "127.0.0.1", "--port", site.port)
    logging = "--access-log" if site.logs_requests else "--no-access-log"
    return _module(
        "granian", "--interface", "asgi", *bind, "--workers", site.workers, "--backlog", BACKLOG,
        "--backpressure", site.connections, "--http1-header-read-timeout", 60_000,
        *_tls(site, "--ssl-certificate", "--ssl-keyfile"), logging, site.app,
    )  # fmt: skip


_OURS = (Trigger.CHAIN, Trigger.HANGUP)

WORKER = Server("trio-worker", Flavour.TRIO, _trio_worker(), _needs_override, _OURS, h2c=True)
WITH_PLUGIN = Server("with the plugin", Flavour.TRIO, _trio_worker_with_plugin, _needs_override, _OURS)
WITH_STATUS = Server("with a status", Flavour.TRIO, _trio_worker_with_status, _needs_override, _OURS)
VIA_HYPERCORN = Server(
    "trio-engine=hypercorn",
    Flavour.TRIO,
    _trio_worker({"trio-engine": "hypercorn"}),
    _needs_override,
    _OURS,
    h2c=True,
)
HYPERCORN_TRIO = Server("hypercorn-trio", Flavour.TRIO, _hypercorn("trio"), _needs("hypercorn", "trio"), h2c=True)
HYPERCORN_UVLOOP = Server(
    "hypercorn-uvloop", Flavour.ASYNCIO, _hypercorn("uvloop"), _needs("hypercorn", "uvloop"), h2c=True
)
UVICORN = Server("uvicorn", Flavour.ASYNCIO, _uvicorn(), _needs("uvicorn", "uvloop", "httptools", "websockets"))
# The only one of its parsers that speaks HTTP/2.
UVICORN_ZTTP = Server(
    "uvicorn --http zttp --http2",
    Flavour.ASYNCIO,
    _uvicorn("--http", "zttp", "--http2"),
    _needs("uvicorn", "zttp"),
    h2c=True,
)
GUNICORN = Server("gunicorn", Flavour.ASYNCIO, _gunicorn, _needs("gunicorn", "gunicorn.asgi", "uvloop"))
GRANIAN = Server("granian", Flavour.ASYNCIO, _granian, _needs("granian", "uvloop"), h2c=True)
UWSGI_WSGI = Server("uwsgi-wsgi", Flavour.WSGI, _wsgi, _needs_uwsgi)

# Beside these a run may name others of ours and theirs.
PEERS = (HYPERCORN_TRIO, UVICORN, GUNICORN, GRANIAN)
USUAL = (WORKER, *PEERS)
SERVERS = (*USUAL, VIA_HYPERCORN, HYPERCORN_UVLOOP)
# Those of a row of its own protocol, where a peer needs another command line or has none.
OVER_HTTP2 = (WORKER, HYPERCORN_TRIO, UVICORN_ZTTP, GRANIAN)
OVER_UWSGI = (WORKER, UWSGI_WSGI)
