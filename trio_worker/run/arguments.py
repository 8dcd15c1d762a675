"""The command line of `trio-worker run`."""

import argparse
from pathlib import Path
from typing import NamedTuple

DEFAULT_BIND = "127.0.0.1:8000"


class Settings(NamedTuple):
    """A run, as the command line wants it.

    Attributes:
        app: module and callable, as in `main:app`.
        bind: the sockets: `host:port`, `[::]:port`, `:port` or `unix:/path`.
        workers: how many.
        reload: whether saved files are taken up.
        certfile, keyfile: of TLS.
        access_log: whether requests are logged.
        log_json: whether logs are JSON.
        status: the socket of the status page, None for none.
        engine: express or hypercorn.
        options: options of uWSGI, `name=value`.
        plugin: whether the native plugin is used, and built where it is not there yet.
        verbose: whether all that uWSGI says is shown.
        print_ini: whether the ini is printed, and nothing started.
    """

    app: str
    bind: tuple[str, ...]
    workers: int
    reload: bool
    certfile: str | None
    keyfile: str | None
    access_log: bool
    log_json: bool
    status: str | None
    engine: str | None
    options: tuple[str, ...]
    plugin: bool
    verbose: bool
    print_ini: bool


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("app", help="the ASGI app: module and callable, as in main:app")
    add("--bind", action="append", default=[], metavar="ADDRESS", help=f"host:port or unix:/path ({DEFAULT_BIND})")
    add("--workers", type=_a_count, default=None, metavar="N", help="worker processes (2, or 1 with --reload)")
    add("--reload", action="store_true", help="take up saved files")
    add("--certfile", default=None, metavar="FILE", help="the certificate chain of TLS")
    add("--keyfile", default=None, metavar="FILE", help="its private key")
    add("--access-log", action=argparse.BooleanOptionalAction, default=True, help="log requests")
    add("--log-json", action="store_true", help="log in JSON")
    add("--status", default=None, metavar="ADDRESS", help="serve the status page and /metrics there")
    add("--engine", choices=("express", "hypercorn"), default=None, help="who serves the connections (express)")
    add("--set", action="append", default=[], metavar="OPTION=VALUE", help="any option of uWSGI, repeated")
    add("--plugin", action=argparse.BooleanOptionalAction, default=True, help="use the native plugin where it builds")
    add("--verbose", action="store_true", help="show all that uWSGI says")
    add("--print-ini", action="store_true", help="print the ini of this run, and start nothing")


def read(given: argparse.Namespace) -> Settings:
    """Return what was given, with the defaults."""
    return Settings(
        app=given.app,
        bind=tuple(given.bind) or (DEFAULT_BIND,),
        workers=given.workers or (1 if given.reload else 2),
        reload=given.reload,
        certfile=_absolute(given.certfile),
        keyfile=_absolute(given.keyfile),
        access_log=given.access_log,
        log_json=given.log_json,
        status=given.status,
        engine=given.engine,
        options=tuple(given.set),
        plugin=given.plugin,
        verbose=given.verbose,
        print_ini=given.print_ini,
    )


def _a_count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers, 1 or more")
    return int(text)


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).resolve())
