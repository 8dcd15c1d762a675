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
from collections.abc import Callable, Sequence
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
        status: int = given.run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # Its reader, as `head` is, has had enough; Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trio-worker", description="A Trio worker for uWSGI.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text)
        added.set_defaults(run=run)
        return added

    add_to(command("run", _run, "serve an app, as in main:app; no file is needed"))
    command("path", _path, "print where the override script is")
    _take_metrics(command("metrics", _metrics, "print the declarations of the metrics"))
    command("starter", _starter, "print a starter ini")
    _take_check(command("check", _check, "say what each line of an ini means under this worker"))
    _take_reload(command("reload", _reload, "try the new code, then replace the workers"))
    for name, (text, operand, is_needed) in STATUS.items():
        _take_status(command(name, _status, text), operand, is_needed)
    _take_options(command("options", _options, "print every option that this worker knows, as Markdown"))
    _take_build(command("build-plugin", _build, "build the native plugin for the uWSGI in use"))
    return parser


def _run(given: argparse.Namespace) -> int:
    from trio_worker.run.uwsgi import run

    try:
        return run(read(given))
    except KeyboardInterrupt:  # Before there is a uWSGI to be ended.
        return 130


def _path(given: argparse.Namespace) -> int:
    print(PACKAGE / "override.py")
    return 0


def _take_metrics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=None, help="how many (default: as many as the uWSGI above has)")


def _metrics(given: argparse.Namespace) -> int:
    from trio_worker.master.declarations import declarations

    print(declarations(given.workers), end="")
    return 0


def _starter(given: argparse.Namespace) -> int:
    """Print the ini that a new project begins with.

    uWSGI runs the command in it by a shell, whose PATH lacks a virtual environment that is not activated: the worker
    override would then be an empty name.
    """
    text = (PACKAGE / "starter.ini").read_text()
    beside = Path(sys.executable).parent / "trio-worker"
    if beside.exists():
        text = text.replace("exec://trio-worker", f"exec://{shlex.quote(str(beside))}")
    print(text, end="")
    return 0


def _take_check(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", help="the ini, perhaps with :section")
    add("--strict", action="store_true", help="take warnings for errors")
    add("--app", action="store_true", help="start the app as well, in a process of its own")


def _check(given: argparse.Namespace) -> int:
    from trio_worker import check

    return check.main(given.file, sys.stdout, given.app, given.strict)


def _take_reload(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", help="the ini, perhaps with :section")
    add("--fifo", default=None, help="the master's FIFO (default: the ini's master-fifo)")
    add("--timeout", type=float, default=60.0, help="seconds to wait for each worker (default: 60)")
    add("--probe", default=None, help="a path that the new code must answer, below status 500")
    add("--json", action="store_true", help="print one object of JSON at the end")


def _reload(given: argparse.Namespace) -> int:
    from trio_worker.check import reload

    return reload.main(reload.Request(given.file, given.fifo, given.timeout, given.probe, given.json), sys.stdout)


def _take_status(parser: argparse.ArgumentParser, operand: str, is_needed: bool) -> None:
    add = parser.add_argument
    add("file", help="the ini, perhaps with :section, or the address of its status socket")
    if operand:
        add("operand", metavar=operand, nargs=None if is_needed else "?")
    add("--json", action="store_true", help="print the answer as JSON")


def _status(given: argparse.Namespace) -> int:
    from trio_worker.status import command

    return command.main(given.command, given.file, getattr(given, "operand", None), given.json)


def _take_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--own", action="store_true", help="only those of this worker's own")


def _options(given: argparse.Namespace) -> int:
    from trio_worker.options import own_defaults, table

    options = table.load()
    print(options.own_markdown(own_defaults()) if given.own else options.markdown(), end="")
    return 0


def _take_build(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--uwsgi", default=None, help="the uWSGI binary (default: beside this Python, else on PATH)")
    add("--into", default=".", help="the folder that the plugin is written into (default: this one)")


def _build(given: argparse.Namespace) -> int:
    from trio_worker.check.binary import find

    binary = given.uwsgi or find()
    if binary is None:
        print("trio-worker: there is no uwsgi beside this Python nor on PATH; name one with --uwsgi", file=sys.stderr)
        return 1
    from trio_worker.master.native.build import BuildError, build

    try:
        print(build(Path(binary), Path(given.into)))
    except BuildError as error:
        print(f"trio-worker: {error}", file=sys.stderr)
        return 1
    return 0
