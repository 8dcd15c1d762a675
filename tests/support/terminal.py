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

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size, which the kernel tells the command by a SIGWINCH, and forget what was drawn before."""
        self.drawn = b""
        _set_size(self._descriptor, rows, columns)

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


def _set_size(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


# What makes it the terminal of its session, so that keys and sizes become signals; the command runs behind it.
_CONTROLLING = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"


def python(*arguments: object, before: str = "") -> list[str]:
    """A `trio-worker` command with these arguments, and Python that runs before it."""
    code = f"import sys\n{before}\nfrom trio_worker.cli import main\nsys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", code, *map(str, arguments)]


@contextmanager
def terminal(
    *arguments: object, rows: int = 40, columns: int = 160, before: str = "", kind: str = "xterm-256color"
) -> Iterator[Terminal]:
    """A `trio-worker` command with these arguments on a terminal.

    Args:
        arguments: of the command.
        rows, columns: of the terminal.
        before: Python that runs before it.
        kind: of the terminal, in TERM.
    """
    command = python(*arguments, before=f"{_CONTROLLING}\n{before}")
    with on_terminal(command, rows, columns, kind) as opened:
        yield opened


@contextmanager
def on_terminal(
    command: list[str], rows: int = 40, columns: int = 160, kind: str = "xterm-256color"
) -> Iterator[Terminal]:
    """A command in a session of its own, with a new terminal for its input and output."""
    ours, theirs = pty.openpty()
    _set_size(theirs, rows, columns)
    # The size is the terminal's, whatever whoever runs the tests has told programs of it.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TERM": kind, "NO_COLOR": ""}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
