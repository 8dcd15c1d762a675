"""A command on a pseudo-terminal: what it draws, and the keys that somebody presses."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.waiting import INTERVAL

# Control sequences of a terminal (ECMA-48 section 5.4).
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


class Terminal:
    """The terminal of a command that runs.

    Args:
        descriptor: our end of it.
        process: the command.
    """

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self.process = process
        self.drawn = b""

    @property
    def text(self) -> str:
        """All that was drawn, without the control sequences."""
        return _CONTROL.sub("", self.drawn.decode("utf-8", "replace"))

    def press(self, key: str) -> None:
        """Press a key, and forget what was drawn before."""
        self.drawn = b""
        os.write(self._descriptor, key.encode())

    def read_until(self, *words: str, timeout: float = 15.0) -> str:
        """Read what is drawn until all of the words are in it."""
        end = time.monotonic() + timeout
        while not all(word in self.text for word in words):
            assert select.select([self._descriptor], [], [], max(0.0, end - time.monotonic()))[0], self.text
            try:
                self.drawn += os.read(self._descriptor, 65536)
            except OSError as error:  # The command has ended.
                raise AssertionError(self.text) from error
        return self.text

    def wait(self, timeout: float = 10.0) -> int:
        """Read until the command has ended, which a terminal that nobody reads holds up; returns its exit code."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < end, self.text
            if select.select([self._descriptor], [], [], INTERVAL)[0]:
                self.drawn += os.read(self._descriptor, 65536)
        return self.process.wait()

    def is_cooked(self) -> bool:
        """True if the terminal echoes and takes whole lines, as a shell expects it."""
        flags = termios.tcgetattr(self._descriptor)[3]
        return bool(flags & termios.ECHO and flags & termios.ICANON)


@contextmanager
def terminal(*arguments: object, columns: int = 160, before: str = "") -> Iterator[Terminal]:
    """A `trio-worker` command with these arguments on a terminal.

    Args:
        arguments: of the command.
        columns: of the terminal.
        before: Python that runs before it.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    code = f"{before}\nimport sys\nfrom trio_worker.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm-256color"} | {"NO_COLOR": ""}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
