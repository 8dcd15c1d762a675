"""The uWSGI that would run here: the one beside this Python, else the one on the PATH."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Where uWSGI was told at its build to look for plugins; the package of PyPI looks into the working directory.
_PLUGIN_DIRECTORY = re.compile(r'-DUWSGI_PLUGIN_DIR="\\"(.*?)\\""')
_DEFAULT_DIRECTORY = "."


def find() -> str | None:
    """Return the path of the binary."""
    beside = Path(sys.executable).parent / "uwsgi"
    return str(beside) if beside.exists() else shutil.which("uwsgi")


@functools.cache
def build_flags() -> str:
    """Return the flags that uWSGI was compiled with, nothing where there is none."""
    binary = find()
    if binary is None:
        return ""
    try:
        return subprocess.run([binary, "--cflags"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def is_pyuwsgi() -> bool:
    """Return True for uWSGI as a module of Python, which a script starts: at its reload it executes the interpreter."""
    binary = find()
    try:
        return binary is not None and b"pyuwsgi" in Path(binary).read_bytes()[:500]
    except OSError:
        return False


def plugin_directory() -> str:
    """Return the folder in which uWSGI looks for plugins last."""
    found = _PLUGIN_DIRECTORY.search(build_flags())
    return found[1] if found else _DEFAULT_DIRECTORY


def has_libyaml() -> bool:
    """Return True where uWSGI reads all of YAML."""
    return "-DUWSGI_LIBYAML" in build_flags()


def reads(format_: str) -> bool:
    """Return False for a format (JSON, XML, YAML) that uWSGI was compiled without."""
    return not build_flags() or f"-DUWSGI_{format_}" in build_flags()
