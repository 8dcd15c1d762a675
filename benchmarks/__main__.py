"""`python -m benchmarks [section or row ...]`: run the sections, print their tables, keep the figures.

A row alone is measured for its rate, after the word `cost` for its processor time. A full run of everything takes about
three hours; `--quick` takes a quarter of an hour and shows no more than that everything works.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .cores import leave_the_server_core, server_and_client
from .fairness import measure_fairness
from .fronts import measure_fronts
from .idle import measure_idle
from .latency import measure_latency
from .memory import measure_memory
from .plan import Plan
from .reload import VARIANTS, measure_reloads
from .report import Finding, load_json, save_json, show, write_docs
from .request_logging import measure_logging
from .row_table import BY_NAME
from .rows import measure_cost, measure_plugin, measure_rows
from .servers import SERVERS, USUAL
from .uwsgi_ini import CHECKOUT, OVERRIDE
from .watching import measure_watching

SECTIONS: dict[str, Callable[[Plan], Finding]] = {
    "rows": measure_rows,
    "cost": measure_cost,
    "memory": measure_memory,
    "reload": measure_reloads,
    "latency": measure_latency,
    "fairness": measure_fairness,
    "idle": measure_idle,
    "logging": measure_logging,
    "plugin": measure_plugin,
    "fronts": measure_fronts,
    "watching": measure_watching,
}


# Asked for by name only: the rows measure the same once more.
NOT_BY_DEFAULT = ("cost",)
QUICK = {"rounds": 1, "seconds": 1.0, "reloads": 1, "idle": 1_000}

# What the sections run, with the Debian package that brings it.
PROGRAMS = {
    "gcc": "gcc libc6-dev",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "nginx": "nginx",
    "taskset": "util-linux",
}


def main() -> int:
    """Run what the command line asks for; status 1 when a program is missing or docs/benchmarks.md has no place."""
    arguments = parse(sys.argv[1:])
    if missing := _missing_programs():
        _say(f"not installed: {', '.join(missing)} (apt-get install {' '.join(PROGRAMS[name] for name in missing)})")
        return 1
    _warn_of_one_core()
    leave_the_server_core()
    with tempfile.TemporaryDirectory(prefix="trio-worker-bench-") as folder:
        plan = _plan(arguments, Path(folder))
        findings = [_measured(plan, name) for name in arguments.sections]
    return _keep(arguments, findings)


def _missing_programs() -> list[str]:
    os.environ["PATH"] += ":/usr/sbin"  # where Debian keeps nginx, and which a user's own PATH leaves out
    return [program for program in PROGRAMS if shutil.which(program) is None]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").strip())
    names, usual = [server.name for server in SERVERS], [server.name for server in USUAL]
    add = parser.add_argument
    add("words", nargs="*", type=_word, metavar="section or row",
        help=f"of {', '.join(SECTIONS)} (all but {', '.join(NOT_BY_DEFAULT)}); rows: {', '.join(BY_NAME)}")  # fmt: skip
    add("--rounds", type=int, default=5, help="rounds in turn (%(default)s)")
    add("--seconds", type=float, default=5, help="seconds of one measurement (%(default)s)")
    add("--servers", nargs="+", choices=names, default=usual, metavar="server",
        help=f"of {', '.join(names)} ({', '.join(usual)})")  # fmt: skip
    add("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="load",
        help=f"reload: of {', '.join(VARIANTS)}; peers meet the first of these only")  # fmt: skip
    add("--reloads", type=int, default=20, help="reloads under each load (%(default)s)")
    add("--idle", type=int, default=10_000, help="idle: connections (%(default)s)")
    add("--quick", action="store_true", help="one short round of each")
    add("--override", type=Path, default=OVERRIDE, help="the override script to measure (this checkout's)")
    add("--json", type=Path, metavar="FILE", help="keep raw figures; sections not run now stay in the file")
    add("--write-docs", action="store_true", help="put the tables between the markers in docs/benchmarks.md")
    return parser


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line; `sections` and `rows` are what it asks for, `cost hello` the one row's cost."""
    arguments = _parser().parse_args(words)
    if arguments.quick:
        vars(arguments).update(QUICK)
    named = [word for word in arguments.words if word in BY_NAME]
    arguments.rows = named or list(BY_NAME)
    arguments.sections = [word for word in arguments.words if word in SECTIONS]
    if named and not {"rows", "cost"} & set(arguments.sections):
        arguments.sections.insert(0, "rows")
    arguments.sections = arguments.sections or [name for name in SECTIONS if name not in NOT_BY_DEFAULT]
    return arguments


def _word(name: str) -> str:
    if name not in SECTIONS and name not in BY_NAME:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join([*SECTIONS, *BY_NAME])}")
    return name


def _plan(arguments: argparse.Namespace, folder: Path) -> Plan:
    return Plan(
        servers=[server for server in SERVERS if server.name in arguments.servers],
        rows=arguments.rows,
        variants=arguments.variants,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        reloads=arguments.reloads,
        idle=arguments.idle,
        override=arguments.override.resolve(),
        folder=folder,
        say=_say,
    )


def _say(line: str) -> None:
    print(f"    {line}", file=sys.stderr, flush=True)


def _warn_of_one_core() -> None:
    server, client = server_and_client()
    if server == client:
        _say("only one core: the client takes its share of what is measured")


def _measured(plan: Plan, section: str) -> Finding:
    plan.left_out.clear()
    finding = SECTIONS[section](plan)
    finding.left_out = list(plan.left_out)
    show(finding)
    return finding


def _keep(arguments: argparse.Namespace, findings: list[Finding]) -> int:
    if arguments.json:
        save_json(arguments.json, findings)
        findings = load_json(arguments.json)
    if arguments.write_docs:
        try:
            write_docs(CHECKOUT / "docs" / "benchmarks.md", findings)
        except (OSError, ValueError) as error:
            _say(f"not written: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
