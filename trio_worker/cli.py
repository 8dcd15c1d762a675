"""The `trio-worker` command: what an operator needs besides the ini.

trio-worker run APP       serve an app, as in `trio-worker run main:app`: no file is needed
trio-worker path          the override script, for `python-worker-override = @(exec://trio-worker path)`
trio-worker metrics       the metrics' declarations, for `ini = exec://trio-worker metrics`
trio-worker starter       a starter ini, which calls this very command by its whole path
trio-worker check FILE    what each line of an ini means under this worker, and what is wrong with it; with `--app`
                          the app is started as well, in a process of its own; with `--strict` warnings are errors
trio-worker reload FILE   try the new code, then replace the workers one after the other, and see each of them accept
trio-worker status FILE   what the workers do, for the instance of an ini or of the address of its status socket;
                          `requests` lists what runs, `tasks` shows each task, `top` all of it once a second;
                          `cancel FILE ID` and `drain FILE WORKER` act, with the token of the ini
trio-worker options       every option that this worker knows, as Markdown; `--own` for its own alone
trio-worker build-plugin  the native plugin for the uWSGI in use

uWSGI calls the next two while it starts, and again while it reloads, when nobody is served: they import nothing that
they do not need, and the other commands import what they need when they run.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from trio_worker import __version__
from trio_worker.run.arguments import add_to, read

PACKAGE = Path(__file__).parent

# The commands that ask a status socket: what each does, what it takes besides the instance, and whether it must.
STATUS = {
    "status": ("show what the workers do", "", False),
    "top": ("show it once a second, until interrupted", "", False),
    "requests": ("list the requests that run", "", False),
    "tasks": ("show the tasks of the workers, or of one", "WORKER", False),
    "cancel": ("cancel a request, by its id in the list of requests", "ID", True),
    "drain": ("drain a worker, to be replaced", "WORKER", True),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = _parser().parse_args(arguments)
    try:
        status = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # Who reads it, as `head` does, has had enough; Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _run(given: argparse.Namespace) -> int:
    if given.command == "run":
        from trio_worker.run.uwsgi import run

        try:
            return run(read(given))
        except KeyboardInterrupt:  # Before there is a uWSGI to be ended.
            return 130
    if given.command == "path":
        print(PACKAGE / "override.py")
    elif given.command == "metrics":
        from trio_worker.master.declarations import declarations

        print(declarations(given.workers), end="")
    elif given.command == "starter":
        print(_starter(), end="")
    elif given.command == "options":
        print(_options(given.own), end="")
    elif given.command == "check":
        from trio_worker import check

        return check.main(given.file, sys.stdout, given.app, given.strict)
    elif given.command == "reload":
        from trio_worker.check import reload

        return reload.main(reload.Request(given.file, given.fifo, given.timeout, given.probe, given.json), sys.stdout)
    elif given.command in STATUS:
        from trio_worker.status import command

        return command.main(given.command, given.file, getattr(given, "operand", None), given.json)
    else:
        return _build(given.uwsgi, Path(given.into))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trio-worker", description="A Trio worker for uWSGI.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_to(commands.add_parser("run", help="serve an app, as in main:app; no file is needed"))
    commands.add_parser("path", help="print where the override script is")
    declaring = commands.add_parser("metrics", help="print the declarations of the metrics")
    declaring.add_argument(
        "--workers", type=int, default=None, help="how many (default: as many as the uWSGI above has)"
    )
    commands.add_parser("starter", help="print a starter ini")
    checking = commands.add_parser("check", help="say what each line of an ini means under this worker")
    checking.add_argument("file", help="the ini, perhaps with :section")
    checking.add_argument("--strict", action="store_true", help="take warnings for errors")
    checking.add_argument("--app", action="store_true", help="start the app as well, in a process of its own")
    reloading = commands.add_parser("reload", help="try the new code, then replace the workers")
    reloading.add_argument("file", help="the ini, perhaps with :section")
    reloading.add_argument("--fifo", default=None, help="the master's FIFO (default: the ini's master-fifo)")
    reloading.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for each worker (default: 60)")
    reloading.add_argument("--probe", default=None, help="a path that the new code must answer, below status 500")
    reloading.add_argument("--json", action="store_true", help="print one object of JSON at the end")
    for name, (text, operand, is_needed) in STATUS.items():
        asking = commands.add_parser(name, help=text)
        asking.add_argument("file", help="the ini, perhaps with :section, or the address of its status socket")
        if operand:
            asking.add_argument("operand", metavar=operand, nargs=None if is_needed else "?")
        asking.add_argument("--json", action="store_true", help="print the answer as JSON")
    listing = commands.add_parser("options", help="print every option that this worker knows, as Markdown")
    listing.add_argument("--own", action="store_true", help="only those of this worker's own")
    building = commands.add_parser("build-plugin", help="build the native plugin for the uWSGI in use")
    building.add_argument("--uwsgi", default=None, help="the uWSGI binary (default: beside this Python, else on PATH)")
    building.add_argument("--into", default=".", help="the folder that the plugin is written into (default: this one)")
    return parser


def _starter() -> str:
    """Return the ini that a new project begins with.

    uWSGI runs the command in it by a shell, whose PATH lacks a virtual environment that is not activated: the worker
    override would then be an empty name.
    """
    text = (PACKAGE / "starter.ini").read_text()
    beside = Path(sys.executable).parent / "trio-worker"
    return text.replace("exec://trio-worker", f"exec://{shlex.quote(str(beside))}") if beside.exists() else text


def _options(own: bool) -> str:
    from trio_worker.options import own_defaults, table

    options = table.load()
    return options.own_markdown(own_defaults()) if own else options.markdown()


def _build(uwsgi: str | None, into: Path) -> int:
    from trio_worker.check.binary import find

    binary = uwsgi or find()
    if binary is None:
        print("trio-worker: there is no uwsgi beside this Python nor on PATH; name one with --uwsgi", file=sys.stderr)
        return 1
    from trio_worker.master.native.build import BuildError, build

    try:
        print(build(Path(binary), into))
    except BuildError as error:
        print(f"trio-worker: {error}", file=sys.stderr)
        return 1
    return 0
