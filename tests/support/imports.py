"""The imports between the modules of the package, read from their source."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trio_worker"


def module_name(path: Path) -> str:
    """Return the dotted name of the module in `path`; a package's `__init__.py` has the name of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def folder(module: str) -> str:
    """Return the folder that a module lies in, directly under the package; for a module of the root its own name."""
    return module.split(".")[1] if "." in module else module


def imports() -> dict[str, set[str]]:
    """Return for every module those of the package that it imports, also within functions and for type checking.

    An import for type checking alone is still knowledge of a module above, so it counts like any other.
    """
    return {module: set(_imported(module, path)) - {module} for module, path in MODULES.items()}


def folder_imports() -> dict[str, set[str]]:
    """Return for every folder, and every module of the package root, the others that it imports."""
    edges: dict[str, set[str]] = {}
    for module, imported in imports().items():
        edges.setdefault(folder(module), set()).update(map(folder, imported))
    return {name: others - {name} for name, others in edges.items()}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return the names along one circle of `edges`, [] where there is none."""
    finished: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return []
        found = next(filter(None, (search(each, [*path, name]) for each in sorted(edges.get(name, ())))), [])
        finished.add(name)
        return found

    return next(filter(None, (search(name, []) for name in sorted(edges))), [])


def _imported(module: str, path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported_from(node, module if path.name == "__init__.py" else module.rpartition(".")[0])


def _imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    """Yield the modules of one `from ... import`: each name that is a module itself, or else what it is taken from."""
    above = package.rsplit(".", node.level - 1)[0] if node.level else ""
    source = ".".join(filter(None, (above, node.module)))
    for alias in node.names:
        if f"{source}.{alias.name}" in MODULES:
            yield f"{source}.{alias.name}"
        elif source in MODULES:
            yield source
