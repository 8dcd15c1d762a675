"""The client of most rows, in C so that it is never what is measured: compiled when first needed, and run."""

import atexit
import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ..cores import on_client_core
from ..load import CONNECTIONS, Load, Target

SOURCES = Path(__file__).parent
COMPILE = ("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11")
# The client ends by itself; one that is not over so long after its time never ends.
END_SECONDS = 30.0


class Loader:
    """The C client with these options of its own: a callable that loads a target for so many seconds."""

    def __init__(self, *options: str, connections: int = CONNECTIONS) -> None:
        self._options = [f"-c{connections}", *options]

    def __call__(self, target: Target, seconds: float) -> Load:
        """Raises SubprocessError when the client does not compile or fails."""
        options = [*self._options, f"-d{seconds}", *(["-b", str(target.body)] if target.body else [])]
        command = [str(program()), *options, str(target.port), target.path]
        done = subprocess.run(
            on_client_core(command), capture_output=True, text=True, check=True, timeout=seconds + END_SECONDS
        )
        return Load(**json.loads(done.stdout))


@cache
def program() -> Path:
    """Compile the client, once a run; it goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="trio-worker-load-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sources = map(str, sorted(SOURCES.glob("*.c")))
    subprocess.run([*COMPILE, "-o", str(folder / "load"), *sources], check=True)
    return folder / "load"
