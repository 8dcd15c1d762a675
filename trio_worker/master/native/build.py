"""Compile the plugin with the uWSGI that is going to load it.

`uwsgi --build-plugin` carries the header, the compiler flags and the build script of its own binary, so all
it needs is a C compiler, a Python to run the script, and the headers of the libraries that this uWSGI was
built with (none for one built by pip, several for a distribution's).
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# uWSGI looks up the symbol that the file is named after.
FILE_NAME = "trio_plugin.so"

SOURCES = Path(__file__).parent

# Compiling takes about a second; a compiler that needs this long is stuck.
_TIMEOUT = 120

_MISSING_HEADER = re.compile(r"fatal error: (?P<header>\S+): No such file")

# The Debian packages of the headers that uwsgi.h includes.
_PACKAGES = {
    "jansson.h": "libjansson-dev",
    "libxml/parser.h": "libxml2-dev",
    "openssl/conf.h": "libssl-dev",
    "openssl/ssl.h": "libssl-dev",
    "pcre.h": "libpcre3-dev",
    "pcre2.h": "libpcre2-dev",
    "sys/capability.h": "libcap-dev",
    "uuid/uuid.h": "uuid-dev",
    "yajl/yajl_tree.h": "libyajl-dev",
    "zlib.h": "zlib1g-dev",
}


class BuildError(Exception):
    """The plugin could not be compiled; the message says what the compiler lacked, or all that it said."""


def build(uwsgi_binary: Path, destination: Path) -> Path:
    """Compile the plugin for `uwsgi_binary` into the directory `destination`, and return its file.

    `CC` and `CFLAGS` of the environment are honoured. A plugin of that name is replaced at once and whole, so
    that a running uWSGI keeps the one it has loaded.

    Raises:
      BuildError: there is no such uWSGI, it cannot build plugins, or the compiler failed.
      OSError: the destination cannot be written.
    """
    with TemporaryDirectory(prefix="trio-plugin-") as scratch:
        workshop = Path(scratch)
        # uWSGI's builder breaks at a space in a path, so it works on a copy with a relative one.
        shutil.copytree(SOURCES, workshop / "native", ignore=shutil.ignore_patterns("__pycache__"))
        output = _run_builder(uwsgi_binary, workshop)
        if not (workshop / FILE_NAME).exists():
            raise BuildError(_explain(output))
        return _install(workshop / FILE_NAME, destination)


def _run_builder(uwsgi_binary: Path, workshop: Path) -> str:
    """Run uWSGI's builder and return what it said; the file that it leaves shows whether it succeeded."""
    command = [os.fspath(uwsgi_binary.absolute()), "--build-plugin", "native"]
    try:
        done = subprocess.run(
            command,
            cwd=workshop,
            env={**os.environ, "PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"cannot run {uwsgi_binary}: {error}") from error
    return done.stdout


def _explain(output: str) -> str:
    missing = _MISSING_HEADER.search(output)
    if missing is None:
        return f"the plugin could not be built:\n{output.strip()}"
    header = missing["header"]
    package = _PACKAGES.get(header)
    hint = f" (Debian: apt-get install {package})" if package else ""
    return f"the plugin could not be built: this uWSGI needs the header {header}{hint}"


def _install(built: Path, destination: Path) -> Path:
    destination.mkdir(parents=True, exist_ok=True)
    target = destination / FILE_NAME
    incoming = target.with_name(f".{FILE_NAME}.{os.getpid()}")
    shutil.copy2(built, incoming)
    return incoming.replace(target)
