"""The life of the uWSGI of a run: it is started in a session of its own, so that Ctrl-C reaches this process alone."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from trio_worker import __version__
from trio_worker.check.binary import find
from trio_worker.run.arguments import Settings
from trio_worker.run.options import ini_of, options_of, socket_of, url_of
from trio_worker.run.output import is_chatter
from trio_worker.run.plugin import find_plugin

NO_UWSGI = """\
trio-worker: there is no uwsgi beside this Python nor on PATH. Install it with one of
    pip install 'trio-worker[uwsgi]'      which compiles it: a C compiler and Python's headers are needed
    pip install 'trio-worker[pyuwsgi]'    which needs no compiler"""


def run(settings: Settings) -> int:
    """Start it, show what it says, and end with it; returns its exit status."""
    binary = find()
    if binary is None:
        print(NO_UWSGI, file=sys.stderr)
        return 1
    plugin, about = find_plugin(str(binary)) if settings.plugin else (None, "without the native plugin")
    try:
        options = options_of(settings, plugin)
        if settings.print_ini:
            print(ini_of(options), end="")
            return 0
        _check_free(settings)
    except (OSError, ValueError) as error:
        print(f"trio-worker: {error}", file=sys.stderr)
        return 1
    _introduce(settings, about)
    with TemporaryDirectory(prefix="trio-worker-") as folder:
        # A file, because uWSGI reads it again at a reload, and because it takes unknown options from files alone.
        ini = Path(folder) / "uwsgi.ini"
        ini.write_text(ini_of(options))
        return _Run([str(binary), str(ini)], settings.verbose).live()


def _check_free(settings: Settings) -> None:
    """Raise OSError for a port that another process has: uWSGI would say so in the middle of what it says of itself."""
    for address in filter(None, (*settings.bind, settings.status)):
        host, _, port = socket_of(address).rpartition(":")
        if not port.isdigit() or socket_of(address).startswith("/"):
            continue
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host.strip("[]"), int(port)))
            except OSError as error:
                raise OSError(
                    f"{address} cannot be listened on: {error.strerror}; name another one with --bind"
                ) from None


def _introduce(settings: Settings, about: str) -> None:
    """Say what is served, where, by how many, and how it ends."""
    engine = " through Hypercorn" if settings.engine == "hypercorn" else ""
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    print(f"trio-worker {__version__} serves {settings.app}{engine}, {about}")
    print("  at      " + "  ".join(url_of(each, settings.certfile is not None) for each in settings.bind))
    if settings.status:
        print(f"  status  {url_of(settings.status, settings.certfile is not None)}")
    print(f"  by      {workers}{_describe_reload() if settings.reload else ''}")
    print("  Ctrl-C  lets requests finish and ends; once more ends at once", flush=True)


def _describe_reload() -> str:
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        more = "templates and static files too, and at once, with pip install 'trio-worker[reload]'"
        return f"; saved modules are taken up ({more})"
    return "; saved files are taken up, and open pages reload themselves"


class _Run:
    """A uWSGI that runs.

    Args:
        command: its binary and arguments.
        verbose: whether all that it says is shown.
    """

    def __init__(self, command: Sequence[str], verbose: bool) -> None:
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self._verbose = verbose
        self._asked = 0

    def live(self) -> int:
        """Show what it says until it ends; returns its exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)
        with self._process as process:
            assert process.stdout is not None
            for line in process.stdout:
                if self._verbose or not is_chatter(line):
                    print(line, end="", flush=True)
        return self._process.returncode

    def _end(self, number: int, frame: FrameType | None) -> None:
        """End gracefully; at once when asked again (see worker/watchdog.py); without a word the third time."""
        self._asked += 1
        with suppress(ProcessLookupError):
            if self._asked < 3:
                self._process.send_signal(signal.SIGTERM)
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
