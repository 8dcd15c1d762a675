"""`python -m benchmarks [section ...]`: run the sections, print their tables, keep the figures.

A full run of everything takes about two hours; `--rounds 1 --seconds 2 --reloads 1` takes ten minutes.
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
from .rows import ROWS, measure_plugin, measure_rows
from .servers import SERVERS
from .uwsgi_ini import CHECKOUT, OVERRIDE

SECTIONS: dict[str, Callable[[Plan], Finding]] = {
    "rows": measure_rows,
    "memory": measure_memory,
    "reload": measure_reloads,
    "latency": measure_latency,
    "fairness": measure_fairness,
    "idle": measure_idle,
    "logging": measure_logging,
    "plugin": measure_plugin,
    "fronts": measure_fronts,
}


# What the sections run, with the Debian package that brings it.
PROGRAMS = {"wrk": "wrk", "h2load": "nghttp2-client", "nginx": "nginx", "taskset": "util-linux"}


def main() -> int:
    """Run what the command line asks for; status 1 when a program is missing or docs/benchmarks.md has no place."""
    arguments = _parser().parse_args()
    if missing := _missing_programs():
        _say(f"not installed: {', '.join(missing)} (apt-get install {' '.join(PROGRAMS[name] for name in missing)})")
        return 1
    _warn_of_one_core()
    leave_the_server_core()
    with tempfile.TemporaryDirectory(prefix="trio-worker-bench-") as folder:
        plan = _plan(arguments, Path(folder))
        findings = [_measured(plan, name) for name in arguments.sections or SECTIONS]
    return _keep(arguments, findings)


def _missing_programs() -> list[str]:
    os.environ["PATH"] += ":/usr/sbin"  # where Debian keeps nginx, and which a user's own PATH leaves out
    return [program for program in PROGRAMS if shutil.which(program) is None]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").strip())
    names, rows = [server.name for server in SERVERS], [row.name for row in ROWS]
    add = parser.add_argument
    add("sections", nargs="*", type=_section, metavar="section", help=f"of {', '.join(SECTIONS)} (all)")
    add("--rounds", type=int, default=5, help="rounds in turn (%(default)s)")
    add("--seconds", type=float, default=5, help="seconds of one measurement (%(default)s)")
    add("--servers", nargs="+", choices=names, default=names, metavar="server", help=f"of {', '.join(names)}")
    add("--only", nargs="+", choices=rows, default=rows, metavar="row", help=f"rows: of {', '.join(rows)}")
    add("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="load",
        help=f"reload: of {', '.join(VARIANTS)}; peers meet the first of these only")  # fmt: skip
    add("--reloads", type=int, default=20, help="reloads under each load (%(default)s)")
    add("--idle", type=int, default=10_000, help="idle: connections (%(default)s)")
    add("--override", type=Path, default=OVERRIDE, help="the override script to measure (this checkout's)")
    add("--json", type=Path, metavar="FILE", help="keep raw figures; sections not run now stay in the file")
    add("--write-docs", action="store_true", help="put the tables between the markers in docs/benchmarks.md")
    return parser


def _section(name: str) -> str:
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return name


def _plan(arguments: argparse.Namespace, folder: Path) -> Plan:
    return Plan(
        servers=[server for server in SERVERS if server.name in arguments.servers],
        rows=arguments.only,
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
