"""
The declarations of the metrics, for `ini = exec://trio-worker metrics`.

There is a gauge for each worker, and metrics.ini declares those of 32. uWSGI runs the command while it reads its
configuration: so the processes above this one say which file that is, and the file says how many workers there are.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from trio_worker.options.formats import FormatError
from trio_worker.options.ini import read
from trio_worker.options.raw import named_files

DECLARATIONS = Path(__file__).parents[1] / "metrics.ini"

# The shell that runs the command, and uWSGI.
_GENERATIONS = 2

# The parent, in /proc/[pid]/stat behind the name of the process (proc(5)).
_PARENT = 1

# The gauges of each worker, which are written out: an ini may include what is printed in a block of its own, and uWSGI
# knows no block within a block.
_LOOP = re.compile(r"^for-times = (\d+)\n(.*)^endfor =\n", re.MULTILINE | re.DOTALL)


def declarations(workers: int | None) -> str:
    """
    Return an ini that declares every metric, those of each worker too.

    Args:
        workers: how many there are, None for as many as the uWSGI that runs this has, 32 where there is none.
    """
    text = DECLARATIONS.read_text()
    count = workers or next(_counts(), None)
    return _LOOP.sub(lambda loop: _written_out(loop[2], count or int(loop[1])), text)


def _written_out(lines: str, count: int) -> str:
    return "".join(lines.replace("%(_)", str(number)) for number in range(1, count + 1))


def _counts() -> Iterator[int]:
    """Yield the number of workers of each configuration that a process above this one was started with."""
    process = "self"
    for _ in range(_GENERATIONS):
        with suppress(OSError, ValueError):
            process = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[_PARENT]
        for file in named_files(process):
            with suppress(OSError, FormatError):
                values = [each.value for each in read(file) if each.key in ("processes", "workers") and each.entered]
                if values and values[-1].isdecimal():
                    yield max(1, int(values[-1]))
