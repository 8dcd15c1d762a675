"""
Trials of the values of an ini: the address of a socket, its certificate, the app that the worker would serve.

Both are judged as uWSGI and the worker would judge them, before anything is started. A fault is
a sentence, and None means that none was found.

Sources: uwsgi_new_socket(), bind_to_tcp() and bind_to_unix() of uWSGI 2.0.
"""

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# bind_to_unix() refuses a longer name, so that it fits every system's sockaddr_un.
_LONGEST_UNIX_NAME = 102
_HIGHEST_PORT = 65535

# Seconds that an app may take to be imported.
_IMPORT_TIMEOUT = 60.0

_PACKAGE = Path(__file__).parents[1]
_SITE_DIRECTORIES = frozenset({"site-packages", "dist-packages"})

_LOAD_APP = """
import json, sys
from trio_worker import options
from trio_worker.application import loading
raw, mounts = json.loads(sys.argv[1])
try:
    loading.load(options.parse(raw), mounts)
except loading.AppError as error:
    sys.exit(str(error))
"""


def address_fault(address: str, shared_sockets: int, directory: str = "") -> str | None:
    """
    Return the reason why uWSGI could not bind this address.

    `shared_sockets` is how many `shared-socket` the ini has, which `=0`, `=1` ... refer to, and
    `directory` is its `chdir`, from which a relative UNIX name counts.
    """
    if not address:
        return "there is no address"
    if address.startswith("="):
        return _shared_fault(address[1:], shared_sockets)
    if address.startswith("fd://"):
        return None if address[5:].isdecimal() else "fd:// takes the number of a descriptor"
    if ":" in address:
        return _tcp_fault(*address.rsplit(":", 1))
    return _unix_fault(address, directory)


def _shared_fault(number: str, shared_sockets: int) -> str | None:
    if number.isdecimal() and int(number) < shared_sockets:
        return None
    return f"there is no shared-socket {number}: the ini has {shared_sockets}, counted from 0"


def _tcp_fault(host: str, port: str) -> str | None:
    if port and not port.isdecimal():
        return f"the port {port!r} is not a number"
    if port and int(port) > _HIGHEST_PORT:
        return f"the port {port} is greater than {_HIGHEST_PORT}"
    if host.startswith("[") and host.endswith("]"):
        return _ip_fault(host[1:-1], ipaddress.IPv6Address)
    if ":" in host:
        return "an IPv6 address stands in brackets: [::1]:8080"
    if re.fullmatch(r"[0-9.]+", host):
        return _ip_fault(host, ipaddress.IPv4Address)
    return None


def _ip_fault(host: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> str | None:
    try:
        kind(host)
    except ValueError as error:
        return str(error)
    return None


def _unix_fault(name: str, directory: str) -> str | None:
    if len(os.fsencode(name)) > _LONGEST_UNIX_NAME:
        return f"the name of a UNIX socket has at most {_LONGEST_UNIX_NAME} bytes"
    parent = os.path.dirname(os.path.join(directory, name))
    is_abstract = name.startswith(("@", "\\0"))
    return None if is_abstract or os.path.isdir(parent or ".") else f"there is no directory {parent}"


def certificate_fault(value: str) -> str | None:
    """Return the reason why `https-socket = address,certificate,key[,ciphers[,authorities]]` names no usable files."""
    parts = value.split(",")
    if len(parts) < 3:
        return "https-socket takes an address, a certificate and a key: address,certificate,key"
    missing = [name for name in parts[1:3] if not os.path.isfile(name)]
    return f"there is no file {missing[0]}" if missing else None


@dataclass(frozen=True, slots=True)
class AppPlace:
    """The place and the way in which uWSGI would import an app."""

    directory: str | None = None
    home: str | None = None
    """The virtual environment, None for this interpreter's own."""
    python_path: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def app_fault(options: Mapping[str, str], mounts: Mapping[str, str], place: AppPlace) -> str | None:
    """
    Return the reason why the worker could not serve the app, found by loading it in an interpreter of its own.

    `options` are the settings that name it (module, callable ...), `mounts` map a prefix to an app.
    """
    return _fault_of(["-c", _LOAD_APP, json.dumps([options, mounts])], place, "the app")


def import_fault(module: str, place: AppPlace) -> str | None:
    """Return the reason why Python could not import a module, or run a file, that `import` names."""
    code = f"import runpy; runpy.run_path({module!r})" if module.endswith(".py") else f"import {module}"
    return _fault_of(["-c", code], place, module)


def _fault_of(arguments: Sequence[str], place: AppPlace, name: str) -> str | None:
    try:
        done = run_python(arguments, place, _IMPORT_TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"{name} was not imported within {_IMPORT_TIMEOUT:g} s"
    except OSError as error:
        return f"{name} was not imported: {error}"
    return None if done.returncode == 0 else _last_line(done.stderr)


def run_python(arguments: Sequence[str], place: AppPlace, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run the Python that uWSGI would run the app with, where it would; return what it has said.

    Args:
        arguments, place: of the interpreter.
        timeout: in seconds.

    Raises:
        OSError: it was not started.
        subprocess.TimeoutExpired: it has been ended.
    """
    return subprocess.run(
        [_interpreter(place.home), *arguments],
        cwd=place.directory,
        env=_environment(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
    )


def _interpreter(home: str | None) -> str:
    """Return the Python of a virtual environment, or this one where there is none."""
    of_home = os.path.join(home or "", "bin", "python")
    return os.path.abspath(of_home) if home and os.path.exists(of_home) else sys.executable


def _environment(place: AppPlace) -> dict[str, str]:
    """Return the variables with which an interpreter finds the app, and this package."""
    paths = [*place.python_path, os.environ.get("PYTHONPATH", "")]
    # An installed package is found anyhow; its directory would bring its neighbours along.
    if _PACKAGE.parent.name not in _SITE_DIRECTORIES:
        paths.append(str(_PACKAGE.parent))
    return {**os.environ, **place.environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "the interpreter ended without a word"
