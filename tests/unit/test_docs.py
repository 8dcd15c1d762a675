"""The documentation shows what is: tables are generated, code blocks are files, links lead somewhere, names exist."""

import re
import runpy
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from trio_worker.master.metrics import GAUGES, Counters
from trio_worker.options import table as option_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PAGES = [*sorted(ROOT.glob("[CRS]*.md")), *sorted(DOCS.glob("*.md"))]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

# Blocks that are no files: commands, which are looked at below, and what is printed.
COMMANDS = "sh"
PRINTED = "text"

# What the commands of the pages may begin with, besides those that are looked at more closely.
PROGRAMS = {".", "cd", "curl", "echo", "kill", "mkdir", "py-spy", "python3", "sudo"}

# Names that begin as our options do and are none: the package, the files of deploy/, uWSGI's processes.
NO_OPTIONS = re.compile(r"trio-worker\b.*")


@cache
def generated() -> dict[str, Any]:
    """The script that writes the generated parts."""
    return runpy.run_path(str(DOCS / "generated.py"))


@pytest.mark.parametrize("name", ["options.md", "app.md"])
def test_generated_parts_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == generated()["page"](name), "run `python docs/generated.py`"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_lead_to_files_and_headings(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not _leads_somewhere(page, target)] == []


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    path = page.parent / name if name else page
    return path.exists() and (not anchor or anchor in _anchors(path))


def _anchors(path: Path) -> list[str]:
    """Return the anchors of a page's headings, as GitHub and our site make them."""
    headings = HEADING.findall(re.sub(BLOCK, "", path.read_text()))
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_are_files_or_parts_of_them(page: Path) -> None:
    files = [path for folder in (EXAMPLES, ROOT / "deploy") for path in folder.rglob("*.*")]
    texts = [path.read_text() for path in files if path.suffix != ".pyc"]
    for language, block in BLOCK.findall(page.read_text()):
        assert language, f"a block without a language:\n{block}"
        if language not in (COMMANDS, PRINTED):
            assert any(block.strip() in text for text in texts) or _is_an_import(block), block


def _is_an_import(block: str) -> bool:
    """Return True for a line that a test runs itself."""
    if block.startswith("from trio_worker import "):
        exec(block, {})
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    blocks = [block for language, block in BLOCK.findall(page.read_text()) if language == COMMANDS]
    commands = [line.partition(" # ")[0] for block in blocks for line in block.splitlines() if line]
    parts = [part.strip() for command in commands for part in command.split("&&")]
    assert [part for part in parts if not _is_a_command(part)] == []


def _is_a_command(command: str) -> bool:
    words = re.sub(r"^(?:[A-Z]+=\S+ )+", "", command).partition(" > ")[0].split()
    if words[0] == "trio-worker":
        return _is_ours(words[1:])
    if words[0] == "make":
        return re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if words[0] == "pip":
        return words[1] == "install" and set(re.findall(r"[\[,](\w+)", words[2])) <= _extras()
    if words[0] == "uwsgi":
        return words[1] == "--ini" and _is_a_file(words[2])
    return words[0] in PROGRAMS


def _is_ours(words: list[str]) -> bool:
    """Look whether `trio-worker` has such a command, with such options."""
    flags = [word.partition("=")[0] for word in words if word.startswith("-")]
    inis = [word for word in words if word.endswith(".ini")]
    return all(flag in _help(words[0]) for flag in flags) and all(map(_is_a_file, inis))


@cache
def _help(command: str) -> str:
    asked = [sys.executable, "-m", "trio_worker", command, "--help"]
    return subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def _is_a_file(name: str) -> bool:
    # `uwsgi.ini` is the reader's own.
    return name == "uwsgi.ini" or (EXAMPLES / name).exists()


def _extras() -> set[str]:
    """Return the extras of the package."""
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_our_options_exist(page: Path) -> None:
    named = re.findall(r"`(trio-[a-z0-9-]+)", page.read_text())
    assert {name for name in named if not NO_OPTIONS.fullmatch(name)} - option_table.load().own.keys() == set()


def test_every_line_for_those_who_come_from_elsewhere_is_known() -> None:
    table = option_table.load()
    known = table.by_name.keys() | table.own.keys() | table.unrelated.keys()
    text = (DOCS / "coming_from.md").read_text()
    _, _, servers = text.partition("## Hypercorn")
    servers, _, _ = servers.partition("Flask's code becomes")
    cells = [line.rsplit("|", 2)[1] for line in servers.splitlines() if line.startswith("|")]
    lines = [code.partition(" = ") for cell in cells for code in re.findall(r"`([\w-]+ = [^`]+)`", cell)]
    assert len(lines) > 50
    assert [key for key, _, _ in lines if key not in known] == []


def test_flags_of_hypercorn_exist() -> None:
    asked = [sys.executable, "-m", "hypercorn", "--help"]
    shown = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout
    _, _, section = (DOCS / "coming_from.md").read_text().partition("<!-- flags:hypercorn -->\n")
    flags = re.findall(r"`(--[\w-]+)", section.partition("\n## ")[0])
    assert len(flags) > 20
    assert [flag for flag in flags if flag not in shown] == []


def test_the_page_of_metrics_has_each_of_them() -> None:
    shown = re.findall(r"^\| `trio\.(?:worker\.N\.)?([^`]+)`", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted([*Counters().totals(), *GAUGES])
