"""What a uWSGI of a test is made of: which uWSGI it is, and what stands in its ini.

Environment variables choose another one than the uWSGI beside this Python:

    TRIO_TEST_UWSGI     the binary
    TRIO_TEST_OPTIONS   lines that every ini then needs, with semicolons between: plugin=python3;home=/venv
    TRIO_TEST_WITHOUT   options that no ini gets, whatever a test asks for: prove_options.py looks who notices
"""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
APPS = CHECKOUT / "tests" / "apps"
UWSGI = os.environ.get("TRIO_TEST_UWSGI") or str(Path(sys.executable).parent / "uwsgi")

_EXTRA = [line.partition("=") for line in os.environ.get("TRIO_TEST_OPTIONS", "").split(";") if line]
_WITHOUT = frozenset(os.environ.get("TRIO_TEST_WITHOUT", "").split())

# A list is an option given more than once, None leaves out what would be there otherwise.
Options = Mapping[str, Any]


def usual(directory: Path, sockets: list[str]) -> Options:
    """What every test needs.

    Args:
        directory: for the files that the master makes.
        sockets: that the workers listen on.
    """
    return {key: value for key, _, value in _EXTRA} | {
        "master": True,
        "enable-threads": True,
        "py-call-uwsgi-fork-hooks": True,
        "python-worker-override": CHECKOUT / "trio_worker" / "override.py",
        "pythonpath": [CHECKOUT, APPS],
        "processes": 1,
        "module": "probe:app",
        "socket": sockets,
        "worker-reload-mercy": 10,
        "vacuum": True,
        "ini": CHECKOUT / "trio_worker" / "metrics.ini",
        "stats": directory / "stats",
        "master-fifo": directory / "fifo",
    }


def granted(options: Options) -> dict[str, Any]:
    """The options that come to stand in the ini."""
    return {key: value for key, value in options.items() if value is not None and key not in _WITHOUT}


def text(options: Options) -> str:
    """The ini itself."""
    return "[uwsgi]\n" + "".join(f"{line}\n" for line in _lines(options))


def _lines(options: Options) -> Iterator[str]:
    for key, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            yield f"{key} = {'true' if each is True else each}"


# The sockets that keep the ports given so far.
_KEEPERS: list[socket.socket] = []


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on, and that nobody else is given as long as this process lives.

    A socket that is bound and never listens keeps it: the kernel gives it neither to whom wants any port nor to a
    client. A server may bind it all the same, as servers set SO_REUSEADDR (socket(7)). uWSGI's own `:0` is another port
    after each reload of the master.
    """
    keeper = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind((host, 0))
    _KEEPERS.append(keeper)
    port: int = keeper.getsockname()[1]
    return port
