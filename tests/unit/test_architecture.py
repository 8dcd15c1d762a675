"""The folders of the package: what each says it holds, which way imports run, how long a file may be."""

import ast
import re
from pathlib import Path

import pytest
from support.imports import MODULES, PACKAGE, ROOT, circle, folder_imports, imports

# From the top to the bottom: a folder, or a module of the package root, imports only what stands in a later row.
# `trio_worker` is the package's own `__init__`, by which an app reaches what it may use; nothing but the command asks
# it for anything, its version.
ORDER = (
    ("override", "__main__", "early_signals", "preload"),
    ("cli",),
    ("run",),
    ("check",),
    ("worker",),
    ("trio_worker",),
    ("status",),
    ("serving",),
    ("protocols",),
    ("http",),
    ("quart",),
    ("application",),
    ("master",),
    ("messages",),
    ("transport",),
    ("options",),
    ("refusal",),
    ("asgi",),
    ("host",),
    ("memory",),
)
ROW = {name: row for row, names in enumerate(ORDER) for name in names}

# Where source of ours lies; virtual environments and what tests leave behind lie elsewhere.
SOURCE = ("trio_worker", "tests", "benchmarks", "app", "deploy", "fuzz", "soak", "typings")
LONGEST = 300

FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE})
MAP = ROOT / "docs" / "architecture.md"


def test_the_package_root_holds_at_most_ten_modules() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 10


def test_imports_run_downwards() -> None:
    upwards = [
        f"{name} imports {other}"
        for name, others in folder_imports().items()
        for other in sorted(others)
        if ROW[other] <= ROW[name]
    ]
    assert upwards == []


def test_no_imports_run_in_a_circle() -> None:
    assert circle(imports()) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]


def test_no_source_file_is_long() -> None:
    files = [path for folder in SOURCE for kind in ("*.py", "*.c") for path in (ROOT / folder).rglob(kind)]
    assert len(files) > len(MODULES)
    assert [path for path in files if _lines(path) > LONGEST] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_a_folder_says_in_one_sentence_what_belongs_there(folder: Path) -> None:
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    assert docstring
    first = docstring.partition("\n\n")[0]
    assert first.endswith(".")
    assert re.search(r"[.!?]\s+[A-Z]", first) is None


def test_the_map_shows_the_imports_between_folders() -> None:
    names = {path.name for path in FOLDERS}
    real = {name: others & names for name, others in folder_imports().items() if name in names}
    assert _drawn() == {name: others for name, others in real.items() if others}


def _drawn() -> dict[str, set[str]]:
    """Read the lines `folder -> folder, folder` of the map."""
    lines = re.findall(r"^(\w+) +-> (.+)$", MAP.read_text(), re.MULTILINE)
    return {name: set(others.split(", ")) for name, others in lines}


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
