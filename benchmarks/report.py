"""What a section found, for a human at the terminal, for the documentation and for a program.

A section returns a `Finding`: tables of text, and the raw figures behind them. The JSON file keeps both, one
entry a section, so that sections measured on different evenings still make one page.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# A section's place in the documentation is between a line of each, with its name.
BEGIN = "<!-- benchmarks:{}:begin -->"
END = "<!-- benchmarks:{}:end -->"

_MEASURED = (
    "uWSGI", "trio", "httptools", "ngh2", "websockets", "quart-trio", "Quart", "Hypercorn", "uvicorn", "gunicorn",
    "granian", "uvloop", "zttp",
)  # fmt: skip


@dataclass
class Table:
    """Columns of text under a title; the first column is the name, the others are figures."""

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        self.rows.append([*cells, *[""] * (len(self.columns) - len(cells))])


@dataclass
class Finding:
    """One section's tables, its raw figures as JSON can hold them, who was left out and why, and the machine."""

    section: str
    tables: list[Table]
    raw: Any
    left_out: list[str] = field(default_factory=list)
    machine: str = field(default_factory=lambda: _caption(machine()))


def to_text(table: Table) -> str:
    """The table for a terminal, figures aligned to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    body = ["  " + _aligned(line, widths) for line in lines]
    return "\n".join([table.title, *body, *(f"  {note}" for note in table.notes), ""])


def _aligned(cells: list[str], widths: list[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def to_markdown(table: Table) -> str:
    """The same table as GitHub's Markdown."""
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in (table.columns, rule, *table.rows)]
    notes = ["", *table.notes] if table.notes else []
    return "\n".join([f"**{table.title}**", "", *lines, *notes, ""])


def show(finding: Finding) -> None:
    """Print everything about one section."""
    print(finding.machine)
    for table in finding.tables:
        if table.rows:
            print(to_text(table))
    for line in finding.left_out:
        print(f"{finding.section}: left out {line}")
    print(flush=True)


def machine() -> dict[str, str]:
    """Return what the figures depend on: commit, processor, kernel, interpreter, versions."""
    return {
        "commit": _commit(),
        "cpu": f"{os.cpu_count()} x {_cpu_model()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: version for name in _MEASURED if (version := _version(name))},
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return described.stdout.strip() or "no commit"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def save_json(path: Path, findings: Iterable[Finding]) -> None:
    """Write the findings into the file; sections that it holds already and that were not run now are kept."""
    sections = json.loads(path.read_text())["sections"] if path.exists() else {}
    sections |= {finding.section: asdict(finding) for finding in findings}
    path.write_text(json.dumps({"machine": machine(), "sections": sections}, indent=2) + "\n")


def load_json(path: Path) -> list[Finding]:
    """The findings that `save_json` wrote."""
    stored = json.loads(path.read_text())["sections"].values()
    return [Finding(**{**section, "tables": [Table(**table) for table in section["tables"]]}) for section in stored]


def write_docs(path: Path, findings: Iterable[Finding]) -> None:
    """Put each section's tables into its place; those that were not measured now stay as they are.

    Raises ValueError, and writes nothing, when a section has no place in the file.
    """
    text = path.read_text()
    for finding in findings:
        text = _with_section(text, finding)
    path.write_text(text)


def _with_section(text: str, finding: Finding) -> str:
    begin, end = BEGIN.format(finding.section), END.format(finding.section)
    before, found, rest = text.partition(f"{begin}\n")
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"there is no place for it: {begin} and {end}")
    tables = [to_markdown(table) for table in finding.tables if table.rows]
    left_out = [f"Left out: {line}.\n" for line in finding.left_out]
    return "\n".join([f"{before}{begin}", finding.machine, "", *tables, *left_out, f"{end}{after}"])


def _caption(facts: Mapping[str, str]) -> str:
    versions = ", ".join(f"{name} {facts[name]}" for name in facts if name not in ("cpu", "kernel", "commit"))
    return f"Measured by `make bench` at {facts['commit']} on {facts['cpu']}, Linux {facts['kernel']}, {versions}."
