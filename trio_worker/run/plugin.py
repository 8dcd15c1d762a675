"""The native plugin of a run: built once for a uWSGI, kept in the cache; a run goes without where it does not build."""

import hashlib
import os
from pathlib import Path

from trio_worker import __version__
from trio_worker.master.native.build import FILE_NAME, BuildError, build


def find_plugin(binary: str) -> tuple[Path | None, str]:
    """Return the plugin for this uWSGI, built if need be, and in words what there is of it."""
    folder = _cache() / _name(Path(binary))
    if (folder / FILE_NAME).is_file():
        return folder / FILE_NAME, "with the native plugin"
    print("trio-worker: building the native plugin, once for this uWSGI (--no-plugin does without)", flush=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return build(Path(binary), folder), "with the native plugin"
    except BuildError as error:
        return None, f"without the native plugin: {str(error).splitlines()[0]}"
    except OSError as error:
        return None, f"without the native plugin: {error}"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trio-worker"


def _name(binary: Path) -> str:
    """Name a folder for this version of ours and this very uWSGI: another one cannot load the plugin."""
    about = binary.resolve().stat()
    told = f"{__version__} {binary.resolve()} {about.st_size} {about.st_mtime_ns}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]
