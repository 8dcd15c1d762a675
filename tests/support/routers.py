"""uWSGI's own routers as the front: an instance without workers, before a worker's socket."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.http1 import Http1
from support.ini import UWSGI, free_port
from support.processes import kill, session_members
from support.waiting import eventually

Address = tuple[str, int]


@contextmanager
def router(directory: Path, address: Address, **options: Any) -> Iterator[Path]:
    """Run a router that listens on an address; yields its log."""
    directory.mkdir()
    log = directory / "log"
    lines = [f"{key.replace('_', '-')} = {'true' if value is True else value}" for key, value in options.items()]
    ini = directory / "router.ini"
    ini.write_text("\n".join(["[uwsgi]", "master = true", *lines, ""]))
    with log.open("wb") as file:
        process = subprocess.Popen(
            [UWSGI, "--ini", str(ini)], cwd=directory, stdout=file, stderr=file, start_new_session=True
        )
    try:
        eventually(lambda: _listens(address), why=log.read_text)
        yield log
    finally:
        kill(session_members(process.pid))
        process.wait(10)


def _listens(address: Address) -> bool:
    with Http1(address):
        return True


def new_address() -> Address:
    """Where a router may listen."""
    return "127.0.0.1", free_port()
