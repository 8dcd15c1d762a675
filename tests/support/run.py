"""`trio-worker run` as a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.ini import CHECKOUT, free_port
from support.waiting import eventually

APPS = CHECKOUT / "tests" / "apps"


class Run:
    """A run of the command.

    Args:
        process: of the command.
        log: where its output goes.
        address: of its first socket.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path, address: tuple[str, int]) -> None:
        self.process = process
        self.log = log
        self.address = address

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait(self, pattern: str, timeout: float = 60) -> None:
        eventually(lambda: re.search(pattern, self.output), timeout, lambda: self.output)


@contextmanager
def running(folder: Path, *arguments: str, app: str = "probe:app", cwd: Path = APPS) -> Iterator[Run]:
    """A run, with the output and the cache in `folder`; it ends with the with block."""
    address = ("127.0.0.1", free_port())
    command = [sys.executable, "-m", "trio_worker", "run", app, "--bind", f"{address[0]}:{address[1]}", *arguments]
    path = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": os.pathsep.join(path)}
    log = folder / "output"
    with (
        log.open("wb") as file,
        subprocess.Popen(command, cwd=cwd, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            yield Run(process, log, address)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
