"""The files of an app as they are saved, told by the kernel through `watchfiles`: modules, templates, static files.

What the app itself writes beside them, logs and databases, must not reload it: only files that people write count.
"""

import os
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trio_worker.transport.threads import in_thread

if TYPE_CHECKING:
    from watchfiles.main import FileChange

# By the end of their names; in folders of these names all files.
_MODULES = {".py"}
_PAGES = {
    ".css",
    ".htm",
    ".html",
    ".j2",
    ".jinja",
    ".jinja2",
    ".js",
    ".md",
    ".mjs",
    ".ts",
    ".txt",
    ".xml",
}
_TRANSLATIONS = {".mo", ".po"}
_PICTURES = {".gif", ".ico", ".jpeg", ".jpg", ".png", ".svg", ".webp", ".woff2"}
_SETTINGS = {".ini", ".json", ".toml", ".yaml", ".yml"}
_SUFFIXES = _MODULES | _PAGES | _TRANSLATIONS | _PICTURES | _SETTINGS
_FOLDERS = ("templates", "static")

# When this worker began: what was saved later, and before it watched, is found by a look.
_BEGAN = time.time()

# Milliseconds until that look.
_LOOK_AFTER = 1000

# Milliseconds in which changes are one: an editor writes a file in several steps.
_TOGETHER = 100


def saved_files(ignored: Collection[str]) -> AsyncIterator[str] | None:
    """Return the names of files as they are saved; None where `watchfiles` is not installed.

    Args:
        ignored: names of modules whose files may change.
    """
    try:
        from watchfiles import DefaultFilter, awatch
    except ImportError:
        return None
    ignored_files = {file for name in ignored if (file := getattr(sys.modules.get(name), "__file__", None))}
    changes = awatch(
        *_folders(),
        watch_filter=DefaultFilter(ignore_paths=[sys.prefix]),
        debounce=_TOGETHER,
        step=_TOGETHER // 2,
        rust_timeout=_LOOK_AFTER,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    return _files(changes, ignored_files)


async def _files(changes: "AsyncIterator[set[FileChange]]", ignored: Collection[str]) -> AsyncIterator[str]:
    looked = False
    async for each in changes:
        names = {name for _, name in each}
        if not looked:
            names.update(await in_thread(_saved_early))
            looked = True
        for name in sorted(names - set(ignored)):
            if is_source(name) and await in_thread(os.path.isfile, name):
                yield name
                break


def _saved_early() -> list[str]:
    """Return the modules that were saved after this worker began."""
    now = time.time()
    files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return [file for file in files if os.path.isfile(file) and _BEGAN < os.stat(file).st_mtime <= now]


def is_source(name: str) -> bool:
    """Return True for a file that people write."""
    path = Path(name)
    return path.suffix.lower() in _SUFFIXES or any(part in _FOLDERS for part in path.parts)


def _folders() -> list[str]:
    """Return the folder of this process, and those of modules that are neither in it nor installed."""
    found = {os.getcwd()}
    for folder in sorted(set(_folders_of_modules())):
        if not any(_is_within(folder, other) for other in (*found, sys.prefix, sys.base_prefix)):
            found.add(folder)
    return sorted(found)


def _folders_of_modules() -> Iterator[str]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None and os.path.isabs(file):
            yield os.path.dirname(file)


def _is_within(folder: str, other: str) -> bool:
    return Path(folder).is_relative_to(other)
