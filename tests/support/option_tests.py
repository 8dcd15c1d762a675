"""The list of tests in option_tests.toml: which test shows which honoured option at work, and what its source uses."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trio_worker.options import table as option_table

TESTS = Path(__file__).parents[1]

# An option as a line of an ini that stands in a string.
_LINE = re.compile(r"^([\w-]+) = ", re.MULTILINE)

# What starts a real uWSGI.
FIXTURES = frozenset({"uwsgi", "module_uwsgi"})


@dataclass(frozen=True)
class Proof:
    """The test of one option.

    Args:
        option: by the first of its names.
        file: of the test.
        test: its name as pytest has it: within a class behind `::`, with parameters in brackets.
    """

    option: str
    file: Path
    test: str

    @property
    def node(self) -> str:
        """As pytest names the test."""
        return f"{self.file}::{self.test}"

    def words(self) -> set[str]:
        """Everything that may be an option in the test, in its fixtures, and in what they use of their file.

        That is names of keyword arguments, whole strings, and what begins a line of an ini; hyphens for underscores.
        Raises LookupError where the test does not exist.
        """
        return {word.replace("_", "-") for node in self._nodes() for word in _words(node)}

    def starts_uwsgi(self) -> bool:
        """Whether the test, or a fixture of its file that it uses, asks for a uWSGI."""
        arguments = {each.arg for node in self._nodes() for each in ast.walk(node) if isinstance(each, ast.arg)}
        return bool(arguments & FIXTURES)

    def _nodes(self) -> list[ast.AST]:
        module = ast.parse(self.file.read_text())
        found: list[ast.AST] = [_function(module, self.test.partition("[")[0].split("::"))]
        known = dict(_definitions(module))
        for node in found:
            for name in _names(node):
                if (definition := known.pop(name, None)) is not None and definition not in found:
                    found.append(definition)
        return found


def load() -> list[Proof]:
    """Read the list."""
    files = tomllib.loads((TESTS / "options" / "option_tests.toml").read_text())
    return [
        Proof(option, TESTS / f"{name}.py", test) for name, options in files.items() for option, test in options.items()
    ]


def names_of(option: str) -> tuple[str, ...]:
    """All names of an option of uWSGI's or of our own; none where there is no such option."""
    table = option_table.load()
    if option in table.own:
        return (option,)
    return tuple(table.by_name[option].names) if option in table.by_name else ()


def _function(module: ast.Module, path: list[str]) -> ast.AST:
    scope: ast.Module | ast.ClassDef | ast.FunctionDef = module
    for name in path:
        inner = [each for each in scope.body if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name == name]
        if not inner:
            raise LookupError(f"there is no {'::'.join(path)}")
        scope = inner[0]
    return scope


def _definitions(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """What the file defines itself, by its names."""
    for each in module.body:
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            yield each.name, each
        elif isinstance(each, ast.Assign):
            yield from ((target.id, each.value) for target in each.targets if isinstance(target, ast.Name))
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.value is not None:
            yield each.target.id, each.value


def _names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.arg):
            yield each.arg


def _words(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.keyword) and each.arg is not None:
            yield each.arg
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
            yield from _LINE.findall(each.value)
