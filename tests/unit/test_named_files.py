"""The files that comments and docstrings send a reader to are there."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.imports import PACKAGE, ROOT

# A name of a source file, as prose gives it: with its folders or without.
NAME = re.compile(r"(?<![\w/*{<.-])[\w/-]+\.(?:py|c|h|toml)\b")

# uWSGI's own source, and what uWSGI keeps in its working directory while it builds a plugin.
OF_UWSGI = re.compile(r"(core|plugins|proto)/\w+\.c|uwsgi\.h")

SOURCES = sorted(path for kind in ("*.py", "*.c", "*.h") for path in PACKAGE.rglob(kind))
FILES = [f"/{path.relative_to(ROOT)}" for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*.*")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_that_are_named_are_there(path: Path) -> None:
    named = {name for text in _prose(path) for name in NAME.findall(text) if not OF_UWSGI.fullmatch(name)}
    assert [name for name in sorted(named) if not any(file.endswith(f"/{name}") for file in FILES)] == []


def test_names_are_found_in_prose() -> None:
    text = "see connection.py, core/logging.c and trio_worker/http/response.py; not {name}.py"
    assert NAME.findall(text) == ["connection.py", "core/logging.c", "trio_worker/http/response.py"]


def _prose(path: Path) -> Iterator[str]:
    """Yield the comments and docstrings of a source file."""
    text = path.read_text()
    if path.suffix != ".py":
        yield from re.findall(r"/\*.*?\*/", text, re.DOTALL)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
