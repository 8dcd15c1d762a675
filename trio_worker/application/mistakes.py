"""Hints for those whose app is not found: the name that was meant, the folder that has the module, their own code.

They are looked for only once a start has failed, so they may take their time, within the bounds below.
"""

import difflib
import importlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

PACKAGE = str(Path(__file__).parents[1])

# The names that apps go by, for an ini that gives none: uWSGI's default, application, is seldom theirs.
USUAL_NAMES = ("app", "application", "asgi", "asgi_app", "api", "create_app")

# The bounds of a search for a module: folders above this one, levels below it, and folders in all.
ABOVE = 3
BELOW = 4
MOST_FOLDERS = 1000

# Folders in which no module of the user's own lies.
FOREIGN = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})


def likely_name(name: str, module: ModuleType, target: str) -> str:
    """Return the name that was meant, perhaps, in words for the end of a sentence."""
    names = [each for each in vars(module) if not each.startswith("_")]
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5) or [each for each in USUAL_NAMES if each in names]
    if not found:
        return ""
    meant = f"{found[0]}()" if found[0].startswith("create_") else found[0]
    if ":" in target:
        return f"; perhaps {meant!r} is meant"
    return f"; perhaps {_module_of(target)}:{meant} is meant, or `callable = {meant}`"


def likely_module(error: BaseException, target: str) -> str:
    """Return how to name the module that was not found, or where it is, in words for the end of a sentence."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    return _with_colon(error.name, target) or _in_folder(error.name) or _alike(error.name)


def keep_own_frames(error: BaseException) -> None:
    """Cut from the traceback what led to the app's code: our frames, and those of the import itself."""
    traceback = error.__traceback__
    while traceback is not None and _is_machinery(traceback.tb_frame.f_code.co_filename):
        traceback = traceback.tb_next
    error.__traceback__ = traceback


def _is_machinery(file: str) -> bool:
    return file.startswith(("<frozen importlib", PACKAGE)) or file == importlib.__file__


def _module_of(target: str) -> str:
    return Path(target).stem if target.endswith(".py") else target


def _with_colon(name: str, target: str) -> str:
    """Recognise `main.app` and `main.py:app` for `main:app`."""
    parent, _, last = name.rpartition(".")
    module = sys.modules.get(parent)
    if module is None or hasattr(module, "__path__"):
        return ""
    attribute = target.partition(":")[2] if last == "py" else last
    return f"; perhaps {parent}:{attribute or 'app'} is meant"


def _in_folder(name: str) -> str:
    path = Path(*name.split("."))
    for folder in _folders(Path.cwd()):
        if (folder / path).with_suffix(".py").is_file() or (folder / path / "__init__.py").is_file():
            return f"; there is one in {folder}: add `pythonpath = {folder}`, or `chdir = {folder}`"
    return ""


def _folders(start: Path) -> Iterator[Path]:
    """Yield this folder, those below it, nearest first, and some above it."""
    waiting, seen = deque([(start, 0)]), 0
    while waiting and seen < MOST_FOLDERS:
        folder, depth = waiting.popleft()
        seen += 1
        yield folder
        if depth < BELOW:
            waiting.extend((each, depth + 1) for each in _below(folder))
    yield from start.parents[:ABOVE]


def _below(folder: Path) -> Iterable[Path]:
    try:
        return sorted(each for each in folder.iterdir() if _may_have_modules(each))
    except OSError:
        return ()


def _may_have_modules(path: Path) -> bool:
    if path.name.startswith(".") or path.name in FOREIGN or path.is_symlink() or not path.is_dir():
        return False
    return not (path / "pyvenv.cfg").exists()


def _alike(name: str) -> str:
    """Return a module of this folder with a name like this one."""
    here = [each.stem for each in Path.cwd().glob("*.py")] + [
        each.parent.name for each in Path.cwd().glob("*/__init__.py")
    ]
    found = difflib.get_close_matches(name, here, n=1, cutoff=0.6)
    return f"; perhaps {found[0]!r} is meant" if found else ""
