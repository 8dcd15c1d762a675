"""Docstrings begin with a verb in the imperative or with a noun phrase, as those of Trio and h11 do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.imports import PACKAGE

SOURCES = sorted(PACKAGE.rglob("*.py"))

# A question instead of a name for the thing, or a reference instead of a sentence.
QUESTION = re.compile(r"(What|Whatever|Whether|Which|Who|Whom|Whose|When|Where|Why|How|As|See)\b")

# A verb of a function in the third person: "Returns", "Adds".
THIRD_PERSON = re.compile(r"(?!Bytes|Seconds|Headers|Always)[A-Z][a-z]+[^s\W]s\b(?!')")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_begin_with_a_verb_or_a_noun(path: Path) -> None:
    assert [text for _, text in _first_lines(path) if QUESTION.match(text)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_verb_stands_in_the_imperative(path: Path) -> None:
    assert [text for is_function, text in _first_lines(path) if is_function and THIRD_PERSON.match(text)] == []


def _first_lines(path: Path) -> Iterator[tuple[bool, str]]:
    """Yield the first line of each docstring, with True for those of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef), text.partition("\n")[0]
