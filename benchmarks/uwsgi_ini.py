"""The ini files that uWSGI reads here: ours with the override, and a plain one for its own WSGI worker."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from .site import BACKLOG, IDLE_SECONDS, Site

CHECKOUT = Path(__file__).resolve().parent.parent
OVERRIDE = CHECKOUT / "trio_worker" / "override.py"
METRICS = CHECKOUT / "trio_worker" / "metrics.ini"


def master_fifo(site: Site) -> Path:
    return site.folder / "master.fifo"


def write_trio_ini(site: Site, options: Mapping[str, str]) -> Path:
    """The ini of an operator of trio-worker, with the `trio-` options of this measurement added."""
    return _write(site, [*_process_lines(site), *_trio_lines(site), *_pairs(options)])


def write_wsgi_ini(site: Site) -> Path:
    return _write(site, _process_lines(site))


def _write(site: Site, lines: Iterable[str]) -> Path:
    ini = site.folder / "uwsgi.ini"
    ini.write_text("\n".join(["[uwsgi]", *lines, ""]))
    return ini


def _process_lines(site: Site) -> list[str]:
    return [
        "master = true",
        "need-app = true",
        f"virtualenv = {sys.prefix}",
        f"pythonpath = {CHECKOUT}",
        f"module = {site.app}",
        f"socket = {site.unix or f'127.0.0.1:{site.port}'}",
        f"processes = {site.workers}",
        f"listen = {BACKLOG}",
        f"master-fifo = {master_fifo(site)}",
        *([] if site.logs_requests else ["disable-logging = true"]),
    ]


def _trio_lines(site: Site) -> list[str]:
    metrics = [f"ini = {METRICS}"] if METRICS.is_file() else []
    return [
        "enable-threads = true",
        "py-call-uwsgi-fork-hooks = true",
        f"python-worker-override = {site.override}",
        f"trio-keepalive-timeout = {IDLE_SECONDS}",
        *([f"trio-{kind} = {site.certificate}" for kind in ("certfile", "keyfile")] if site.certificate else []),
        *metrics,
    ]


def _pairs(options: Mapping[str, str]) -> list[str]:
    return [f"{key} = {value}" for key, value in options.items()]
