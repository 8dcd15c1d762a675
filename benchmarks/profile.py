"""`make profile`: a flame graph of one worker under load, as `profile.svg`.

`python -m benchmarks.profile [bare|quart] [seconds]`
"""

import subprocess
import sys
from pathlib import Path

from .cores import leave_the_server_core, on_client_core
from .load import wrk_in_background
from .running import BARE, QUART, running
from .servers import SERVERS

OUTPUT = Path("profile.svg")


def main() -> int:
    """Record the graph; returns py-spy's exit status."""
    apps = BARE if "bare" in sys.argv[1:] else QUART
    seconds = next((word for word in sys.argv[1:] if word.isdigit()), "8")
    server = next(each for each in SERVERS if each.name == "trio-worker")
    leave_the_server_core()
    with running(server, apps) as started, wrk_in_background(started.url):
        (worker,) = started.workers()
        command = ["py-spy", "record", "--rate", "500", "--duration", seconds, "--output", str(OUTPUT)]
        program = [str(Path(sys.executable).parent / command[0]), *command[1:], "--pid", str(worker.pid)]
        status = subprocess.run(on_client_core(program), check=False).returncode
    print(f"{OUTPUT}: open it in a browser; the widest boxes are where the next gain is")
    return status


if __name__ == "__main__":
    sys.exit(main())
