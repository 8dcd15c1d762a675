"""`make profile`: a flame graph of one worker under load, as `profile.html`.

`python -m benchmarks.profile [bare|quart] [seconds]`
"""

import subprocess
import sys
from pathlib import Path

from .cores import leave_the_server_core, on_client_core
from .flamegraph import of_thread, page
from .load import wrk_in_background
from .running import BARE, QUART, running
from .servers import SERVERS

OUTPUT = Path("profile.html")


def main() -> int:
    """Record the stacks and draw them; returns py-spy's exit status."""
    apps = BARE if "bare" in sys.argv[1:] else QUART
    seconds = next((word for word in sys.argv[1:] if word.isdigit()), "8")
    server = next(each for each in SERVERS if each.name == "trio-worker")
    leave_the_server_core()
    with running(server, apps) as started, wrk_in_background(started.url):
        (worker,) = started.workers()
        stacks = started.site.folder / "stacks"
        program = [str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(worker.pid), "--threads"]
        recording = ["--rate", "500", "--duration", seconds, "--format", "raw", "--output", str(stacks)]
        status = subprocess.run(on_client_core([*program, *recording]), check=False).returncode
        if status:
            return status
        # The main thread of a process has its number.
        root = of_thread(stacks.read_text().splitlines(), worker.pid)
    OUTPUT.write_text(page(root, "a worker under load"))
    print(f"{OUTPUT}: open it in a browser; the widest boxes are where the next gain is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
